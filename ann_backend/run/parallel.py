"""MPI: spike exchanges on the edges of the engine's bins. Collective."""

from __future__ import annotations

import math

from ann_backend import _neuron
from ann_backend.errors import UnsupportedError
from ann_backend.nrn import h
from ann_backend.run import limits

BIN_MS = 1.0


def ranks() -> int:
    """Number of MPI ranks of this run."""
    return int(h.ParallelContext().nhost())


def rank() -> int:
    """Which of them this process is."""
    return int(h.ParallelContext().id())


def align(active: bool) -> None:
    """Put the spike exchange on bin edges if any rank has replaced cells.

    An exchange interval that does not divide the bin would hand spikes over late, in
    silence. Called by every rank at every ``finitialize``; collective only in a
    parallel network, where every rank has called ``ParallelContext.set_maxstep``.

    Parameters
    ----------
    active : bool
        Whether this rank has replaced cells.
    """
    pc = h.ParallelContext()
    _neuron.set_aligned(False)
    wanted = _neuron.user_step()
    if ranks() < 2 or not wanted or not pc.allreduce(int(active), 2):
        return
    if _neuron.features()["compress"]:
        raise UnsupportedError(
            "ParallelContext.spike_compress rounds spike times, which replaced cells "
            "keep exact: leave it off"
        )
    shortest = pc.set_maxstep(10)
    pc.set_maxstep(BIN_MS / math.ceil(BIN_MS / min(shortest, wanted) - 1e-9))
    _neuron.set_aligned(True)
    _neuron.set_exchange_delay(min(shortest, BIN_MS))
    if active and shortest < BIN_MS:
        text = (
            f"the shortest delay between ranks is {shortest:g} ms, below the 1 ms bin: "
            "spikes of replaced cells reach other ranks late, by less than a bin"
        )
        limits.warn_once([limits.Approximation("ranks", 1, text)])


_neuron.watch_exchange()
