"""The network of Olah, Pedersen & Rowan (eLife 2022; 11: e79535), from its description.

A reference model of the published sizes with random weights. Each ms it sees a window
of 64 ms of Vm and synaptic columns and gives the next Vm, which is fed back:

convolutions over the window (kernels 1, 5 causal, 1; relu, relu, tanh) -> flattened,
repeated -> LSTM layers over the repeats -> Dense 128 (relu) -> 4 x Dense 100 (selu) ->
Dense, averaged over the repeats.

`Paper.forward` computes a whole window, as published; `Stream` computes only what a new
ms changes, to the same outputs. What cannot be spared is the product of the flattened
window: each position has weights of its own, so all of it is new each ms.

Letters: B rows, S columns, F features of a position, R repeats, H hidden, O outputs.
"""

from __future__ import annotations

from collections import deque

import torch
from torch import nn
from torch.nn import functional

__all__ = ["L5", "POINT", "WINDOW", "Paper", "Stream"]

WINDOW = 64  # ms
TAPS = 5  # of the second convolution
NAMES = ("weight", "bias")
# convolutions' widths, LSTM layers, repeats, outputs; of the point cell's repeats the
# paper says nothing: one is the cheapest
L5 = ((512, 256, 128), 3, 5, 1)
POINT = ((128, 100, 50), 1, 1, 3)


class Paper(nn.Module):
    """The published network.

    Parameters
    ----------
    columns : int
        Of the input: Vm and one for each site; 201 of the published layer 5 cell.
    sizes : tuple
        `L5` or `POINT`.
    """

    def __init__(
        self,
        columns: int = 201,
        sizes: tuple[tuple[int, int, int], int, int, int] = L5,
    ) -> None:
        super().__init__()
        (one, two, three), layers, self.repeats, outputs = sizes
        self.columns, self.hidden = columns, 128
        self.conv1 = nn.Conv1d(columns, one, 1)
        self.conv2 = nn.Conv1d(one, two, TAPS)
        self.conv3 = nn.Conv1d(two, three, 1)
        self.lstm = nn.LSTM(WINDOW * three, self.hidden, layers, batch_first=True)
        widths = (128, 100, 100, 100, 100)
        pairs = zip((self.hidden, *widths[:-1]), widths, strict=True)
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in pairs)
        self.out = nn.Linear(widths[-1], outputs)
        with torch.no_grad():
            # torch has two biases where the published layers have one
            for k in range(layers):
                getattr(self.lstm, f"bias_hh_l{k}").zero_()

    @property
    def parameter_count(self) -> int:
        """As the paper counts: one bias in a gate."""
        named = self.named_parameters()
        return sum(p.numel() for name, p in named if "bias_hh" not in name)

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        """Compute a window anew, as published.

        Parameters
        ----------
        window : Tensor, shape (B, 64, S)
            Oldest ms first.

        Returns
        -------
        Tensor, shape (B, O)
        """
        x = torch.relu(self.conv1(window.transpose(1, 2)))
        x = torch.relu(self.conv2(functional.pad(x, (TAPS - 1, 0))))
        x = torch.tanh(self.conv3(x)).transpose(1, 2).flatten(1)
        hidden, _ = self.lstm(x[:, None].expand(-1, self.repeats, -1))
        return self.head(hidden)

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Dense layers of each repeat, averaged; (B, R, H) to (B, O)."""
        x = torch.relu(self.dense[0](hidden))
        for dense in self.dense[1:]:
            x = functional.selu(dense(x))
        averaged: torch.Tensor = self.out(x).mean(1)
        return averaged


class Stream:
    """The same outputs, a ms at a time.

    A position's features depend on its place in the window at the oldest four positions
    alone, where the padding cuts taps off: all five versions are made when a ms is new.

    Parameters
    ----------
    net : Paper
    rows : int
    """

    def __init__(self, net: Paper, rows: int) -> None:
        self.net = net
        zero = torch.zeros(rows, net.columns)
        first = self._first(zero)
        self.recent: deque[torch.Tensor] = deque([first] * TAPS, TAPS)
        self.features: deque[torch.Tensor] = deque([self._versions()] * WINDOW, WINDOW)

    def step(self, row: torch.Tensor) -> torch.Tensor:
        """Take the newest ms in; return the outputs.

        Parameters
        ----------
        row : Tensor, shape (B, S)
        """
        self.recent.append(self._first(row))
        self.features.append(self._versions())
        last = TAPS - 1
        window = [f[min(p, last)] for p, f in enumerate(self.features)]
        return self.net.head(self._recur(torch.stack(window, 1).flatten(1)))

    def _first(self, row: torch.Tensor) -> torch.Tensor:
        conv = self.net.conv1
        return torch.relu(functional.linear(row, conv.weight[..., 0], conv.bias))

    def _versions(self) -> torch.Tensor:
        """Features of the newest ms with 1 to 5 taps, shape (5, B, F)."""
        conv, last = self.net.conv2, self.net.conv3
        bias = conv.bias
        assert bias is not None
        # the newest ms has the last tap
        seen = torch.stack(list(self.recent)[::-1])
        weights = conv.weight.permute(2, 1, 0).flip(0)
        sums = torch.cumsum(torch.bmm(seen, weights), 0) + bias
        x = functional.linear(torch.relu(sums), last.weight[..., 0], last.bias)
        return torch.tanh(x)

    def _recur(self, x: torch.Tensor) -> torch.Tensor:
        """LSTM layers over the repeats; the input's product is made once."""
        lstm = self.net.lstm
        same = functional.linear(x, *(getattr(lstm, f"{n}_ih_l0") for n in NAMES))
        inputs = [same] * self.net.repeats
        for k in range(lstm.num_layers):
            wh, bias = (getattr(lstm, f"{n}_hh_l{k}") for n in NAMES)
            h = c = torch.zeros(len(x), self.net.hidden)
            outputs = []
            for gates in inputs:
                g = gates + functional.linear(h, wh, bias)
                i, f, new, o = g.chunk(4, 1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(new)
                h = torch.sigmoid(o) * torch.tanh(c)
                outputs.append(h)
            if k + 1 < lstm.num_layers:
                wx, bx = (getattr(lstm, f"{n}_ih_l{k + 1}") for n in NAMES)
                inputs = [functional.linear(h, wx, bx) for h in outputs]
        return torch.stack(outputs, 1)
