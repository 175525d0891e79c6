"""One run of the user's script in this process, recorded for `compare`.

``python -m ann_backend.cli._child OUT.npz T_LAUNCH SCRIPT [args]``: attaches a spike
and a Vm recording to every cell that the script gives to `replace`, runs the script
as its own interpreter would, and stores what was recorded when the process ends.
"""

from __future__ import annotations

import atexit
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ann_backend import _neuron, template
from ann_backend.nrn import h
from ann_backend.run import surrogate, swap

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Every step of a soma's Vm is kept (0.3 MB per cell and biological second), so a
# network of thousands of cells is compared by its spikes and a sample of its Vm.
VM_CELLS = 16
# NEURON's own default for the threshold of a NetCon that is the first on its source.
DEFAULT_THRESHOLD_MV = 10.0

# A source has room for one NetCon.record, which is the user's: spikes are recorded
# from a relay that each one reaches after a delay that either backend keeps exactly.
RELAY_MS = 1.0


class Probe:
    """Recordings of the replaced cells: the same ones on either backend.

    A script may run several times: the runs follow each other on one time axis.
    """

    def __init__(self) -> None:
        self.known: set[tuple[int, str]] = set()
        self.names: list[str] = []
        self.clip_mV = self.threshold_mV = float("nan")
        self.keep_alive: list[Any] = []
        self.spikes = Track()
        self.vm = Track()
        self.t = Track()
        self.elapsed_ms = 0.0
        # Type 3 comes before NEURON empties the recordings of the run before.
        self.handler = h.FInitializeHandler(3, self.keep)

    def attach(self, cell: Any, manifest: Any) -> None:
        """Record the soma of `cell`; called by `replace` for each cell it takes."""
        soma = template.soma(cell)
        known = (surrogate.address(soma), str(cell))
        if known in self.known:  # replaced again, after a restore() perhaps
            return
        self.known.add(known)
        self.names.append(_name(cell, len(self.names)))
        self.clip_mV = manifest.readout.clip_mV
        self.threshold_mV = manifest.readout.threshold_mV
        relay = h.IntFire1()
        relay.refrac = 0
        detector = h.NetCon(soma(0.5)._ref_v, relay, sec=soma)
        detector.delay, detector.weight[0] = RELAY_MS, 2
        # All NetCons of a source share one threshold: the user's own choice stays.
        if detector.threshold == DEFAULT_THRESHOLD_MV:
            detector.threshold = self.threshold_mV
        recorder = h.NetCon(relay, None)
        recorder.record(self.spikes.add())
        self.keep_alive += [relay, detector, recorder]
        if len(self.vm.vectors) < VM_CELLS:
            if not self.t.vectors:
                self.t.add().record(h._ref_t)
            missed = np.full(sum(map(len, self.t.kept[0])), np.nan)
            self.vm.add(missed).record(soma(0.5)._ref_v)

    def keep(self) -> None:
        """Take over what the present run has recorded."""
        self.spikes.keep(self.elapsed_ms - RELAY_MS)
        self.t.keep(self.elapsed_ms)
        self.vm.keep(0.0)
        self.elapsed_ms += h.t

    def save(self, path: Path, launched: float) -> None:
        """Store spikes (ms), Vm (mV) and seconds as one npz file.

        Set-up lasts from `launched` (s since the epoch) to the first `finitialize`;
        a run from its `finitialize` to its last time step, summed over the runs.
        """
        self.keep()
        initialized, run_s = _neuron.read_stopwatch()
        spikes = self.spikes.joined()
        np.savez(
            path,
            names=np.array(self.names),
            threshold_mV=self.threshold_mV,
            clip_mV=self.clip_mV,
            t=np.concatenate([*self.t.joined(), []]),
            vm=np.array(self.vm.joined(), dtype=np.float32),
            spike_t=np.concatenate([*spikes, []]),
            spike_count=np.array([len(s) for s in spikes], dtype=np.int64),
            biological_s=self.elapsed_ms / 1000,
            setup_s=initialized - launched,
            run_s=run_s,
        )


class Track:
    """Vectors that NEURON fills, and what earlier runs left in them."""

    def __init__(self) -> None:
        self.vectors: list[Any] = []
        self.kept: list[list[NDArray[np.float64]]] = []

    def add(self, *before: NDArray[np.float64]) -> Any:
        """Return a new Vector, to be recorded into."""
        self.vectors.append(h.Vector())
        self.kept.append(list(before))
        return self.vectors[-1]

    def keep(self, offset: float) -> None:
        """Copy every vector, `offset` added, and leave it empty."""
        for kept, vector in zip(self.kept, self.vectors, strict=True):
            kept.append(np.array(vector) + offset)
            vector.resize(0)

    def joined(self) -> list[NDArray[np.float64]]:
        """Return what was kept, one array a vector."""
        return [np.concatenate(kept) for kept in self.kept]


def _name(cell: Any, index: int) -> str:
    """Return the cell's own name; Python's default one holds a memory address."""
    name = str(cell)
    return f"{type(cell).__name__}#{index}" if " at 0x" in name else name


def execute(script: Path, args: list[str]) -> None:
    """Run a Python or hoc script as its own interpreter would."""
    sys.argv = [str(script), *args]
    if script.suffix == ".hoc":
        h.xopen(str(script))
        return
    sys.path[0] = str(script.parent)
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        if stop.code not in (None, 0):
            raise


def main() -> None:
    """Read the command line, watch `replace`, run the script."""
    out, launched, script, *args = sys.argv[1:]
    probe = Probe()
    swap.observers.append(probe.attach)
    # A script may end in quit(), which never comes back but does run atexit.
    atexit.register(probe.save, Path(out), float(launched))
    _neuron.start_stopwatch()
    try:
        execute(Path(script), args)
    except BaseException:
        atexit.unregister(probe.save)
        raise


if __name__ == "__main__":
    main()
