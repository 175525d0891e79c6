"""The branches of the network as one cable: conductances in, voltages out.

Beside `model` in the training line; the arithmetic of csrc/README.md. Each unit of a
branch is a conductance with a reversal potential, a gate that follows the branch's
voltage, and an activation that has no memory; one implicit step a bin solves the tree.
On the CPU the window and its gradients are C++ (csrc/train), elsewhere torch's own
operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ann_backend import _train
from ann_backend.train.shape import UNIT_MV

if TYPE_CHECKING:
    from ann_backend.train.cable import Cable, Units

__all__ = ["Steps", "Tree", "course"]

DEAD = 0.1  # of what the clamps found


class Tree(nn.Module):
    """Parameters of the tree, and its pass over a window.

    Parameters
    ----------
    cable : Cable
    units : Units
        What it begins with.
    """

    parents: torch.Tensor
    found: torch.Tensor

    def __init__(self, cable: Cable, units: Units) -> None:
        super().__init__()
        parents = torch.tensor(cable.parents, dtype=torch.int32)
        self.register_buffer("parents", parents, persistent=False)
        self.sites = [0, *cable.sites]

        def learned(x: Any) -> nn.Parameter:
            return nn.Parameter(torch.as_tensor(np.array(x, np.float32)))

        slope, bias, rate, slope_m, bias_m = units.gate
        self.slope, self.bias = learned(slope), learned(bias)
        self.rate = learned(np.log(rate / (1.0 - rate)))
        self.slope_m, self.bias_m = learned(slope_m), learned(bias_m)
        self.reversal = learned(units.reversal)
        self.log_intrinsic = learned(np.log(units.intrinsic))
        found = self.log_intrinsic.detach().clone()
        self.register_buffer("found", found, persistent=False)
        self.current = learned(-cable.intrinsic.constant_pA / UNIT_MV)
        self.log_capacitance = learned(np.log(cable.capacitance_pF))
        self.log_leak = learned(np.log(cable.intrinsic.leak_nS))
        self.log_axial = learned(np.log(np.maximum(cable.axial_nS, 1e-3)))
        # in training only: of the branches' voltages in those of soma and sites
        self.shown = learned(np.ones(len(self.sites)))

    def tensors(self) -> dict[str, torch.Tensor]:
        """`gate` (5, N, U), `reversal` (N, U) and `cable` (4, N), as a bundle's."""
        rate = torch.sigmoid(self.rate)
        gate = torch.stack([self.slope, self.bias, rate, self.slope_m, self.bias_m])
        kept, axial = self.log_capacitance.exp(), self.log_axial.exp()
        axial = torch.cat([torch.zeros_like(axial[:1]), axial[1:]])
        cable = torch.stack([kept, kept + self.log_leak.exp(), axial, self.current])
        return {"gate": gate, "reversal": self.reversal, "cable": cable}

    def take(self, given: dict[str, torch.Tensor]) -> None:
        """Begin with a bundle's tensors."""
        some = self.log_intrinsic.shape[1]
        kept, load, axial, current = given["cable"]
        self.slope.copy_(given["gate"][0])
        self.bias.copy_(given["gate"][1])
        self.rate.copy_(given["gate"][2].logit())
        self.slope_m.copy_(given["gate"][3])
        self.bias_m.copy_(given["gate"][4])
        self.reversal.copy_(given["reversal"])
        self.log_intrinsic.copy_(given["branch_b"][:, -some:].log())
        self.log_capacitance.copy_(kept.log())
        self.log_leak.copy_((load - kept).log())
        self.log_axial[1:].copy_(axial[1:].log())
        self.current.copy_(current)

    def revive(self) -> None:
        """Begin anew with the intrinsic conductances that have died.

        One is learned by its logarithm, in steps as small as it is: far below what the
        clamps found it would stay there.
        """
        with torch.no_grad():
            dead = self.log_intrinsic < self.found + np.log(DEAD)
            self.log_intrinsic.copy_(torch.where(dead, self.found, self.log_intrinsic))

    def start(self, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Voltages and gates at `finitialize`, shapes (N, B) and (N, U, B)."""
        q = torch.sigmoid(self.bias.detach())
        v = torch.zeros(len(q), rows, device=q.device)
        return v, q[:, :, None].repeat(1, 1, rows)

    def forward(
        self, u: torch.Tensor, v: torch.Tensor, q: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Voltages of a window, and the gates at its end.

        Parameters
        ----------
        u : Tensor, shape (N, U, T, B)
            Conductances.
        v, q : Tensor, shape (N, B) and (N, U, B)
            The state before.

        Returns
        -------
        v : Tensor, shape (N, T, B)
        q : Tensor, shape (N, U, B)
        """
        made = self.tensors()
        some = made["gate"], made["reversal"], made["cable"]
        if u.is_cuda:
            return course(Steps(self.parents.tolist(), *some), u, v, q)
        in_cpp: Callable[..., tuple[torch.Tensor, torch.Tensor]] = _Course.apply
        return in_cpp(self.parents, *some, u, v, q)


class _Course(torch.autograd.Function):
    """The window in C++; gradients stop at the state before it."""

    @staticmethod
    def forward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        arrays = [x.detach().contiguous().numpy() for x in given]
        found = _train.forward(*arrays)
        ctx.arrays, ctx.course = arrays, found
        q = torch.from_numpy(found[1][-1].copy())
        ctx.mark_non_differentiable(q)
        return torch.from_numpy(found[0]), q

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        of_v = gradients[0].contiguous().numpy()
        back: Callable[..., tuple[Any, ...]] = _train.backward
        found = back(*ctx.arrays, ctx.course, of_v)
        return None, *map(torch.from_numpy, found), None, None


class Steps:
    """The same in torch's operations, a bin and a depth of the tree at a time.

    Parameters
    ----------
    parents : sequence of int
    gate, reversal, cable : Tensor
        As in `Tree.tensors`.
    """

    def __init__(
        self,
        parents: Sequence[int],
        gate: torch.Tensor,
        reversal: torch.Tensor,
        cable: torch.Tensor,
    ) -> None:
        depth = [0]
        for p in parents[1:]:
            depth.append(depth[p] + 1)
        self.levels = [
            torch.tensor([n for n, d in enumerate(depth) if d == k], device=gate.device)
            for k in range(max(depth) + 1)
        ]
        self.above = torch.tensor([max(p, 0) for p in parents], device=gate.device)
        self.slope, self.bias, self.rate, *of_m = gate[:, :, :, None]
        self.slope_m, self.bias_m = of_m
        self.reversal = reversal[:, :, None]
        self.kept, own, axial, self.current = cable[:, :, None]
        self.axial = torch.cat([torch.zeros_like(axial[:1]), axial[1:]])
        self.diagonal = (own + self.axial).index_add(0, self.above, self.axial)

    def __call__(
        self, u: torch.Tensor, v: torch.Tensor, q: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One bin: conductances (N, U, B), v (N, B), q (N, U, B) -> v, q."""
        wanted = torch.sigmoid(self.slope * v[:, None] + self.bias)
        q = q + self.rate * (wanted - q)
        g = u * q * torch.sigmoid(self.slope_m * v[:, None] + self.bias_m)
        d = self.diagonal + g.sum(1)
        r = self.kept * v + self.current + (g * self.reversal).sum(1)
        for at in reversed(self.levels[1:]):
            f = self.axial[at] / d[at]
            d = d.index_add(0, self.above[at], -f * self.axial[at])
            r = r.index_add(0, self.above[at], f * r[at])
        v = torch.zeros_like(r).index_copy(0, self.levels[0], r[:1] / d[:1])
        for at in self.levels[1:]:
            inflow = r[at] + self.axial[at] * v[self.above[at]]
            v = v.index_copy(0, at, inflow / d[at])
        return v, q


def course(
    steps: Steps, u: torch.Tensor, v: torch.Tensor, q: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """`Tree.forward` in torch's operations."""
    found = []
    for now in u.unbind(2):
        v, q = steps(now, v, q)
        found.append(v)
    return torch.stack(found, 1), q.detach()
