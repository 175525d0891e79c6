"""The surrogate in torch: exactly the arithmetic that the engine streams.

Sixth in the training line. Letters: T bins, B rows, E events, C channels, G groups,
K kernels, W taps, N branches, R groups of a branch, U units of a branch, P mix,
H hidden, L layers, M head units, O outputs (hazard logit, offset logit, Vm, and, in
training only, the voltages of the soma, plateaus and all, and of dendritic sites).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from ann_backend.train import axon
from ann_backend.train import cable as cables
from ann_backend.train.cable import Cable
from ann_backend.train.cell import CellDescription, ChannelDescription
from ann_backend.train.groups import Groups
from ann_backend.train.input import Input
from ann_backend.train.leak import leak
from ann_backend.train.shape import Shape
from ann_backend.train.tree import Tree

__all__ = [
    "MIX_GAIN",
    "OUTPUTS",
    "V_SCALE_MV",
    "Network",
    "State",
]

MIX_GAIN = 10.0  # the usual input lies far below its root mean square
V_SCALE_MV = 5.0  # the Vm outputs are in this unit, from v_init
OUTPUTS = 3


class State(NamedTuple):
    """What a row carries from bin to bin.

    Attributes
    ----------
    traces : Tensor, shape (G, K, max(W - 1, 1), B)
        At the last bins' ends.
    h, c : Tensor, shape (L, B, H)
    v, q : Tensor, shape (N, B) and (N, U, B)
        Of the tree; empty without one.
    """

    traces: torch.Tensor
    h: torch.Tensor
    c: torch.Tensor
    v: torch.Tensor
    q: torch.Tensor

    def detach(self) -> State:
        """The same numbers, cut off from what made them."""
        return State(*(x.detach() for x in self))


class Network(nn.Module):
    """Traces, branch units, their tree, mix, LSTM over time, one head.

    Parameters
    ----------
    cell : CellDescription
        Resolved. The voltages of its sites are further targets in training.
    shape : Shape
    cable : Cable, optional
        Of the cell, where the shape has a tree.
    """

    of: torch.Tensor
    tau: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self, cell: CellDescription, shape: Shape, cable: Cable | None = None
    ) -> None:
        super().__init__()
        channels = axon.channels(cell) if shape.tree else cell.channels
        groups = Groups.plan(channels, shape.places)
        self.shape, self.branches = shape, groups.branches
        self.channels = len(cell.channels)
        self.register_buffer("of", torch.from_numpy(groups.of))
        self.register_buffer("tau", torch.from_numpy(groups.tau))
        self.register_buffer("scale", torch.ones(groups.tau.shape))
        self.log_embedding = nn.Parameter(torch.from_numpy(groups.start).log())
        if cable is not None:
            self._plant(cell, channels, groups, axon.grown(cable))
        else:
            self._spread(groups)
        width = groups.branches * (1 if shape.tree else shape.units)
        if shape.mix:
            self.mix = nn.Linear(width, shape.mix)
            if not shape.tree:
                sums = torch.randn(shape.mix, 1, shape.units)
                own = torch.randn(shape.mix, groups.branches, shape.units)
                start = (2 * width) ** -0.5 * (sums + own).flatten(1)
                self.mix.weight = nn.Parameter(start)
        self.lstm = nn.LSTM(shape.mix or width, shape.hidden, shape.layers)
        self.head1 = nn.Linear(shape.hidden, shape.head)
        self.head2 = nn.Linear(shape.head, OUTPUTS)
        self.sites = nn.Linear(shape.hidden, 1 + len(cell.sites))
        with torch.no_grad():
            # memories that last from the start; a spike is rare
            for layer in range(shape.layers):
                bias = getattr(self.lstm, f"bias_ih_l{layer}")
                bias[shape.hidden : 2 * shape.hidden] += 2.0
            self.head2.bias.copy_(torch.tensor([-4.0, 0.0, 0.0]))

    def _plant(
        self,
        cell: CellDescription,
        channels: Sequence[ChannelDescription],
        groups: Groups,
        cable: Cable,
    ) -> None:
        """Units that are conductances: they begin as those of the cell."""
        begin = cables.units(cell, channels, groups, cable.intrinsic)
        self.tree = Tree(cable, begin)
        weight = torch.zeros(self.shape.taps, *begin.weight.shape)
        weight[0] = torch.from_numpy(begin.weight)
        self.branch_w = nn.Parameter(weight)
        synaptic = weight.shape[-1] - begin.intrinsic.shape[1]
        self.branch_b = nn.Parameter(torch.zeros(groups.branches, synaptic))

    def _spread(self, groups: Groups) -> None:
        """Units at random; all branches alike: their differences are learned."""
        shape, (count, kernels) = self.shape, groups.tau.shape
        inputs = count // groups.branches * kernels
        weight = torch.randn(shape.taps, 1, inputs, shape.units)
        weight = weight.repeat(1, groups.branches, 1, 1)
        self.branch_w = nn.Parameter(weight * (shape.taps * inputs) ** -0.5)
        bias = 0.1 * torch.randn(1, shape.units).repeat(groups.branches, 1)
        self.branch_b = nn.Parameter(bias)

    def biases(self) -> torch.Tensor:
        """Of the branch units, shape (N, U); those of intrinsic ones are positive."""
        if not self.shape.tree:
            return self.branch_b
        return torch.cat([self.branch_b, self.tree.log_intrinsic.exp()], 1)

    def freeze_front(self) -> None:
        """Leave everything before the LSTM as it is."""
        for name, parameter in self.named_parameters():
            if name.startswith(("log_embedding", "branch_", "tree", "mix")):
                parameter.requires_grad_(False)

    def trained(self) -> list[nn.Parameter]:
        """The parameters that are not frozen."""
        return [p for p in self.parameters() if p.requires_grad]

    def start(self, rows: int) -> State:
        """The state at `finitialize`: zero."""
        s, device = self.shape, self.branch_b.device
        h = torch.zeros(s.layers, rows, s.hidden, device=device)
        before = max(s.taps - 1, 1)
        traces = torch.zeros(*self.tau.shape, before, rows, device=device)
        none = torch.zeros(0, device=device)
        v, q = self.tree.start(rows) if s.tree else (none, none)
        return State(traces, h, h, v, q)

    def traces(self, x: Input, state: State) -> torch.Tensor:
        """Traces at the ends of the input's bins.

        Returns
        -------
        Tensor, shape (G, K, T, B)
        """
        of, embedding = self.of[x.channel], self.log_embedding.exp()[x.channel]
        decayed = torch.exp(-x.age[:, None, None] / self.tau[of])
        amounts = (embedding * x.weight[:, None])[..., None] * decayed
        kernels = torch.arange(self.tau.shape[1], device=of.device)
        trace = of[..., None] * len(kernels) + kernels
        where = trace * (x.bins * x.rows) + x.place[:, None, None]
        before = state.traces[:, :, -1].flatten(0, 1)
        decay = torch.exp(-1.0 / self.tau).flatten()
        y = leak(amounts.flatten(), where.flatten(), before, decay, x.bins)
        return y.view(*self.tau.shape, x.bins, x.rows)

    def forward(self, x: Input, state: State) -> tuple[torch.Tensor, State]:
        """Run over T bins.

        Parameters
        ----------
        x : Input
        state : State

        Returns
        -------
        outputs : Tensor, shape (T, B, O)
        state : State
        """
        a = self.traces(x, state)
        if self.shape.taps > 1:
            a = torch.cat([state.traces, a], 2)
        f, v, q = self.units(a, x.bins), state.v, state.q
        if self.shape.tree:
            u = f.float().view(*q.shape[:2], x.bins, x.rows)  # no bfloat16 in there
            course, q = self.tree(u, v, q)
            f, v = course.flatten(1), course[:, -1]
        f = self.mixed(f).T.contiguous().view(x.bins, x.rows, -1)
        # under autocast cuDNN's LSTM would run, and carry its state, in float16
        with torch.autocast(f.device.type, enabled=False):
            hidden, (h, c) = self.lstm(f.float(), (state.h, state.c))
        y = self.head2(torch.relu(self.head1(hidden)))
        sites = self.sites(hidden)
        if self.shape.tree:
            shown = course[self.tree.sites].permute(1, 2, 0)
            sites = sites + self.tree.shown * shown
        y = torch.cat([y, sites], -1)
        return y, State(a[:, :, -state.traces.shape[2] :], h, c, v, q)

    def units(self, a: torch.Tensor, bins: int) -> torch.Tensor:
        """The units of all branches, of the traces; shape (N * U, T * B)."""
        w = (self.branch_w / self.scale.reshape(self.branches, -1, 1)).transpose(2, 3)
        u = self.biases()[:, :, None]
        for j in range(self.shape.taps):
            first = a.shape[2] - bins - j
            seen = a[:, :, first : first + bins]
            u = torch.baddbmm(u, w[j], seen.reshape(self.branches, w.shape[3], -1))
        return torch.relu_(u).flatten(0, 1)

    def mixed(self, f: torch.Tensor) -> torch.Tensor:
        """What the LSTM sees of units or voltages, shape (N * U, N or P; T * B)."""
        if self.shape.mix:
            f = torch.addmm(self.mix.bias[:, None], self.mix.weight, f)
            f = MIX_GAIN * f
            f = f / torch.sqrt(1.0 + f.abs())
        return f

    @torch.no_grad()
    def normalise(self, x: Input) -> None:
        """Set the traces' scale to their root mean square over some input.

        Groups of one kind share it: one that was silent here is not blown up later.
        Conductances of a tree have their own units, and stay.
        """
        if self.shape.tree:
            return
        square = self.traces(x, self.start(x.rows)).pow(2).mean((2, 3))
        _, kind = torch.unique(self.tau, dim=0, return_inverse=True)
        for k in range(int(kind.max()) + 1):
            mean = square[kind == k].mean(0)
            self.scale[kind == k] = mean.sqrt().clamp_min(1e-3)
