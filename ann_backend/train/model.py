"""The surrogate in torch: exactly the arithmetic that the engine streams.

Fifth in the training line. Letters: T bins, B rows, G groups, K kernels, W taps,
F filters, H hidden, M head units, 3 outputs (hazard logit, offset logit, Vm).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ann_backend.train.cell import CellDescription
from ann_backend.train.sampling import Events

__all__ = ["V_SCALE_MV", "Network", "Shape", "embedding", "traces"]

V_SCALE_MV = 5.0  # the Vm output is in this unit, from v_init
State = tuple[torch.Tensor, torch.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of the network that are a choice; the cell gives the others."""

    taps: int = 2
    filters: int = 24
    hidden: int = 32
    layers: int = 1
    head: int = 24


def embedding(cell: CellDescription) -> tuple[NDArray[Any], NDArray[Any]]:
    """One group for each channel, in units of the channel's typical weight.

    Returns
    -------
    embedding : array of float32, shape (C, G), 1/uS
    tau : array of float32, shape (G, K), ms
    """
    units = np.diag([1.0 / c.unit_uS for c in cell.channels]).astype(np.float32)
    return units, np.array([c.tau_ms for c in cell.channels], np.float32)


def traces(cell: CellDescription, trials: list[Events], bins: int) -> NDArray[Any]:
    """Exponential traces at the bins' ends, from exact event times.

    Parameters
    ----------
    cell : CellDescription
    trials : list of Events
    bins : int
        Bins of 1 ms, from time 0.

    Returns
    -------
    array of float32, shape (T, B, G * K)
    """
    units, tau = embedding(cell)
    groups, kernels = tau.shape
    a = np.zeros((bins, len(trials), groups, kernels), np.float32)
    for row, events in enumerate(trials):
        n = events.t.astype(np.int64)
        for c, g in zip(*np.nonzero(units), strict=True):
            mine = (events.channel == c) & (n < bins)
            ago = (n[mine] + 1 - events.t[mine])[:, None] / tau[g].astype(np.float64)
            sums = units[c, g] * events.weight[mine, None] * np.exp(-ago)
            for k in range(kernels):
                a[:, row, g, k] += np.bincount(n[mine], sums[:, k], bins)
    decay = np.exp(-1.0 / tau)
    for step in range(1, bins):
        a[step] += a[step - 1] * decay
    return a.reshape(bins, len(trials), groups * kernels)


class Network(nn.Module):
    """Causal convolution, LSTM over time, one head of three outputs.

    Parameters
    ----------
    inputs : int
        G * K traces.
    shape : Shape
    """

    scale: torch.Tensor

    def __init__(self, inputs: int, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        std = (shape.taps * inputs) ** -0.5
        self.conv_weight = nn.Parameter(
            std * torch.randn(shape.taps, inputs, shape.filters)
        )
        self.conv_bias = nn.Parameter(0.1 * torch.randn(shape.filters))
        self.lstm = nn.LSTM(shape.filters, shape.hidden, shape.layers)
        self.head1 = nn.Linear(shape.hidden, shape.head)
        self.head2 = nn.Linear(shape.head, 3)
        self.register_buffer("scale", torch.ones(inputs))
        with torch.no_grad():
            # memories that last from the start; a spike is rare
            for layer in range(shape.layers):
                bias = getattr(self.lstm, f"bias_ih_l{layer}")
                bias[shape.hidden : 2 * shape.hidden] += 2.0
            self.head2.bias.copy_(torch.tensor([-4.0, 0.0, 0.0]))

    def forward(
        self, history: torch.Tensor, state: State | None = None
    ) -> tuple[torch.Tensor, State]:
        """Run over T bins.

        Parameters
        ----------
        history : Tensor, shape (W - 1 + T, B, G * K)
            Traces, with those of the W - 1 bins before (zero at a trial's start).
        state : pair of Tensor, shape (L, B, H), optional
            The LSTM's, zero by default.

        Returns
        -------
        outputs : Tensor, shape (T, B, 3)
        state : pair of Tensor
        """
        x, taps = history / self.scale, self.shape.taps
        bins = x.shape[0] - taps + 1
        f: torch.Tensor = self.conv_bias
        for j in range(taps):
            f = f + x[taps - 1 - j : taps - 1 - j + bins] @ self.conv_weight[j]
        hidden, state = self.lstm(torch.relu(f), state)
        y = self.head2(torch.relu(self.head1(hidden)))
        return y, state
