"""What the fit minimises: spike hazard, sub-bin offset, and voltages.

Beside the clipped voltage stand the soma's own, up to what only an action potential
reaches, and those of some dendritic sites: they are dropped at export, but teach the
tree what the cell does, its plateaus above the clip among it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ann_backend.train.cell import CellDescription
from ann_backend.train.model import OUTPUTS, V_SCALE_MV
from ann_backend.train.shape import UNIT_MV
from ann_backend.train.teacher import Trial

__all__ = ["NAMES", "losses", "targets"]

NAMES = ("hazard", "offset", "v", "sites")
PLATEAU_MV = 25.0  # above the clip: how far a soma stays depolarised
OFFSET_NEIGHBOUR = 0.3  # weight of the bins beside a spike in the offset loss
WEIGHTS = torch.tensor([30.0, 0.5, 1.0, 1.0])
# In a voltage's unit: larger errors count by their size, not by their square. Squared,
# rare plateaus outweigh the tenths of a mV that decide when a cell fires.
SMALL = 0.01


def targets(cell: CellDescription, trials: Sequence[Trial]) -> dict[str, torch.Tensor]:
    """Targets of some trials, each of shape (T, B), the sites' (T, B, 1 + S)."""
    bins = len(trials[0].v)
    spike = np.zeros((bins, len(trials)), np.float32)
    offset, weight = np.zeros_like(spike), np.zeros_like(spike)
    for row, trial in enumerate(trials):
        n = np.minimum(trial.spikes.astype(np.int64), bins - 1)
        before, behind = np.maximum(n - 1, 0), np.minimum(n + 1, bins - 1)
        weight[before, row] = weight[behind, row] = OFFSET_NEIGHBOUR
        offset[before, row], offset[behind, row] = 1.0, 0.0
        spike[n, row], weight[n, row] = 1.0, 1.0
        offset[n, row] = trial.spikes - n
    soma: NDArray[Any] = np.stack([t.v for t in trials], axis=1)
    v = (np.minimum(soma, cell.clip_mV) - cell.v_init_mV) / V_SCALE_MV
    found = {"spike": spike, "offset": offset, "weight": weight, "v": v}
    found["clipped"] = (v >= (cell.clip_mV - cell.v_init_mV) / V_SCALE_MV).astype("f4")
    soma = np.minimum(soma, cell.clip_mV + PLATEAU_MV)
    sites = np.stack([t.sites for t in trials]).astype(np.float32).transpose(2, 0, 1)
    sites = np.concatenate([soma[..., None], sites], axis=2)
    found["sites"] = (sites - cell.v_init_mV) / UNIT_MV
    return {name: torch.from_numpy(np.float32(array)) for name, array in found.items()}


def losses(y: torch.Tensor, target: dict[str, torch.Tensor]) -> torch.Tensor:
    """Weighted losses in the order of `NAMES`, shape (4,)."""
    hazard = functional.binary_cross_entropy_with_logits(y[..., 0], target["spike"])
    near = target["weight"]
    offset = functional.binary_cross_entropy_with_logits(
        y[..., 1], target["offset"], weight=near, reduction="sum"
    ) / (near.sum() + 1.0)
    # the readout clips: above the clip any value is right
    excess = functional.relu(y[..., 2] - target["v"]) * target["clipped"]
    v = functional.smooth_l1_loss(y[..., 2] - excess, target["v"], beta=SMALL)
    sites = functional.smooth_l1_loss(y[..., OUTPUTS:], target["sites"], beta=SMALL)
    return torch.stack([hazard, offset, v, sites]) * WEIGHTS.to(y.device)
