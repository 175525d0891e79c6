"""What a bundle says of its network: sizes, readout, the action potential.

Eighth in the training line. The action potential's template is the teacher's mean
waveform.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ann_backend.errors import AnnBackendError
from ann_backend.train.cell import CellDescription
from ann_backend.train.dataset import Dataset
from ann_backend.train.model import V_SCALE_MV, Network
from ann_backend.train.teacher import AP_START_MS
from ann_backend.train.tensors import tensors

if TYPE_CHECKING:
    from ann_backend._engine import Engine

__all__ = ["Spiking", "action_potential", "readout", "runner", "sizes"]


def sizes(network: Network) -> dict[str, Any]:
    """The manifest's sizes."""
    s = network.shape
    return {
        "parents": network.tree.parents.tolist() if s.tree else [],
        "channels": network.channels,
        "feedback": s.tree,
        "groups": len(network.tau),
        "kernels": network.tau.shape[1],
        "branches": network.branches,
        "units": network.branch_w.shape[-1],
        **{n: getattr(s, n) for n in ("taps", "mix", "hidden", "layers")},
        "head": s.head,
    }


class Spiking(NamedTuple):
    """When the hazard that has gathered is a spike."""

    threshold: float
    memory_ms: float
    refractory_ms: float


def readout(
    cell: CellDescription, spiking: Spiking, ap_start_ms: float
) -> dict[str, float]:
    """The bundle's readout.

    Parameters
    ----------
    cell : CellDescription
    spiking : Spiking
        As `calibrate` found it.
    ap_start_ms : float
        As `action_potential` found it.
    """
    return {
        "threshold_mV": cell.threshold_mV,
        "hazard_threshold": spiking.threshold,
        "memory_ms": spiking.memory_ms,
        "refractory_ms": spiking.refractory_ms,
        "clip_mV": cell.clip_mV,
        "v_offset_mV": cell.v_init_mV,
        "v_scale_mV": V_SCALE_MV,
        "ap_start_ms": ap_start_ms,
        "ap_dt_ms": cell.dt_ms,
    }


def runner(
    network: Network, cell: CellDescription, spiking: Spiking
) -> Callable[[int], Engine]:
    """What makes engines of a network that is no bundle yet; they draw no spikes."""
    from ann_backend._engine import Engine

    weights = tensors(network) | {"ap": np.full(1, cell.clip_mV, np.float32)}
    said, size = readout(cell, spiking, 0.0), sizes(network)
    parents, feedback = size["parents"], size["feedback"]
    return lambda rows: Engine(
        weights, said, rows=rows, parents=parents, feedback=feedback
    )


def action_potential(data: Dataset) -> tuple[float, NDArray[Any]]:
    """Start in ms and mean waveform, in mV, of the stretch above the clip."""
    cell: CellDescription = data.cell
    count = sum(t.ap_count for t in data.trials)
    if count == 0:
        raise AnnBackendError(
            f"{cell.name}: expected spikes in the training data, got none; raise the "
            "channels' rate_Hz or unit_uS"
        )
    mean = np.sum([t.ap_sum for t in data.trials], axis=0) / count
    at = round(-AP_START_MS / cell.dt_ms)
    low = np.flatnonzero(mean <= cell.clip_mV)
    first = int(low[low < at].max(initial=-1)) + 1
    last = int(low[low > at].min(initial=len(mean))) - 1
    return (first - at) * cell.dt_ms, mean[first : last + 1].astype(np.float32)
