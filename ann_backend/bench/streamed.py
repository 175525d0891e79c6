"""A bundle's weights streamed in torch, as a good user of torch would write it.

Beside `surrogate` in the benchmark's line. It stops at the network's outputs: voltages
are not read out, nor spikes where it does not hear them, which spares it work.
Letters as in `train.model`.
"""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ann_backend.bench.drive import Drive
from ann_backend.bundle import Bundle
from ann_backend.train.tree import Steps

__all__ = ["Streamed"]


class Streamed:
    """Rows of a bundle.

    Parameters
    ----------
    bundle : Bundle
    drive : Drive
    rows : range
    threads : int
        Of torch, in the whole process.
    """

    spikes = None

    def __init__(
        self, bundle: Bundle, drive: Drive, rows: range, *, threads: int
    ) -> None:
        torch.set_num_threads(threads)
        self.drive, self.rows, self.t = drive, rows, 0
        self.sizes = bundle.manifest.sizes
        self.w = {k: torch.from_numpy(a.copy()) for k, a in bundle.tensors.items()}
        self.decay = torch.exp(-1.0 / self.w["tau"])
        callers = bundle.manifest.sizes.channels
        self.embedding = _sparse(bundle.tensors["embedding"][:callers])
        self.own_embedding = _sparse(bundle.tensors["embedding"][callers:])
        self.branch_b = self.w["branch_b"][:, None]
        self.cells = [self._cell(k) for k in range(self.sizes.layers)]
        s, B = self.sizes, len(rows)
        if s.parents:
            made = (self.w[name] for name in ("gate", "reversal", "cable"))
            self.steps = Steps(s.parents, *made)
            self.q = torch.sigmoid(self.steps.bias).expand(-1, -1, B)
            self.v = torch.zeros(s.branches, B)
        self.traces = deque([torch.zeros(B, s.groups, s.kernels)] * s.taps, s.taps)
        self.state = [(torch.zeros(B, s.hidden),) * 2 for _ in range(s.layers)]
        self.readout = bundle.manifest.readout
        self.kept = math.exp(-1.0 / self.readout.memory_ms)
        self.hazard, self.since = torch.zeros(B), torch.full((B,), 1e9)
        self.own = torch.zeros(0, dtype=torch.int64), torch.zeros(0)

    def run(self, bins: int) -> float:
        """Advance; return the seconds it took."""
        batch = self.drive.draw(self.rows, self.t, bins).bins()
        inputs = [_tensors(n, *events) for n, events in enumerate(batch, self.t)]
        self.t += bins
        torch.set_flush_denormal(True)  # as the engine does: traces that die out
        try:
            with torch.inference_mode():
                start = time.perf_counter()
                for events in inputs:
                    self.step(*events)
                return time.perf_counter() - start
        finally:
            torch.set_flush_denormal(False)

    def step(
        self,
        row: torch.Tensor,
        channel: torch.Tensor,
        weight: torch.Tensor,
        age: torch.Tensor,
    ) -> torch.Tensor:
        """Advance a bin; return the outputs, shape (B, 3).

        Parameters
        ----------
        row, channel, weight, age : Tensor, shape (E,)
            Of the bin's events; the age is from the event to the bin's end, ms.
        """
        self.traces.appendleft(self.traces[0] * self.decay)
        of, share = self.embedding
        self._hear(of[channel], share[channel], row, weight, age)
        if self.sizes.feedback:
            (of, share), (who, old) = self.own_embedding, self.own
            wide = len(who), -1
            self._hear(of.expand(wide), share.expand(wide), who, torch.ones(()), old)
        x = self._front()
        for k, weights in enumerate(self.cells):
            self.state[k] = torch.lstm_cell(x, self.state[k], *weights)
            x = self.state[k][0]
        hidden = torch.relu(torch.addmm(self.w["head_b1"], x, self.w["head_w1"]))
        y = torch.addmm(self.w["head_b2"], hidden, self.w["head_w2"])
        if self.sizes.feedback:
            self.own = self._spikes(y)
        return y

    def _hear(
        self,
        of: torch.Tensor,
        share: torch.Tensor,
        row: torch.Tensor,
        weight: torch.Tensor,
        age: torch.Tensor,
    ) -> None:
        """Add events to the traces: their groups, and shares there, (E, places)."""
        if not len(row):
            return
        faded = torch.exp(-age[:, None, None] / self.w["tau"][of])
        amounts = (share * weight[..., None])[..., None] * faded
        where = (row[:, None] * self.sizes.groups + of).flatten()
        a = self.traces[0].view(-1, self.sizes.kernels)
        a.index_add_(0, where, amounts.flatten(0, 1))

    def _spikes(self, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows that fire, and how old that is when it is heard, 1 ms later."""
        p, offset = torch.sigmoid(y[:, :2]).T
        self.since += 1.0  # from the last spike to the bin's end
        hazard = self.hazard * self.kept + p
        fires = hazard >= self.readout.hazard_threshold
        fires &= self.since + offset - 1.0 >= self.readout.refractory_ms
        self.hazard = torch.where(fires, (hazard - 1.0).clamp_max(0.0), hazard)
        self.since = torch.where(fires, 1.0 - offset, self.since)
        who = torch.nonzero(fires)[:, 0]
        return who, 1.0 - offset[who]

    def _cell(self, k: int) -> tuple[torch.Tensor, ...]:
        """A layer's weights, as torch takes them: with a second bias, of zero."""
        wx, wh = (self.w[f"lstm{k}_{name}"].T.contiguous() for name in ("wx", "wh"))
        bias = self.w[f"lstm{k}_bias"]
        return wx, wh, bias, torch.zeros_like(bias)

    def _front(self) -> torch.Tensor:
        """What the LSTM sees, shape (B, F)."""
        N, B = self.sizes.branches, len(self.rows)
        u = self.branch_b
        for a, w in zip(self.traces, self.w["branch_w"], strict=True):
            u = torch.baddbmm(u, a.view(B, N, -1).transpose(0, 1), w)
        f = torch.relu_(u)
        if self.sizes.parents:
            self.v, self.q = self.steps(f.transpose(1, 2), self.v, self.q)
            f = self.v.T
        else:
            f = f.transpose(0, 1).reshape(B, -1)
        if self.sizes.mix:
            f = torch.addmm(self.w["mix_b"], f, self.w["mix_w"])
            f = f / torch.sqrt(1.0 + f.abs())
        return f


def _sparse(
    embedding: NDArray[np.float32],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Groups of each channel and its weights there; shape (C, places), zeros last."""
    places = int(np.count_nonzero(embedding, axis=1).max(initial=1))
    of = np.argsort(embedding == 0.0, axis=1, kind="stable")[:, :places]
    share = np.take_along_axis(embedding, of, axis=1)
    return torch.from_numpy(of.copy()), torch.from_numpy(share)


def _tensors(
    n: int,
    row: NDArray[Any],
    channel: NDArray[Any],
    weight: NDArray[Any],
    t: NDArray[Any],
) -> tuple[torch.Tensor, ...]:
    age = torch.from_numpy(n + 1.0 - t).float()
    weights = torch.from_numpy(weight).float()
    return torch.from_numpy(row).long(), torch.from_numpy(channel).long(), weights, age
