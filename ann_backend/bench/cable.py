"""A bundle's tree of conductances in torch: a dense system for each row.

Beside `streamed`, which runs it between branch units and mix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

__all__ = ["Cable"]


class Cable:
    """Voltages and gates of some rows.

    Parameters
    ----------
    w : mapping of str to Tensor
        A bundle's.
    parents : sequence of int
        As `Sizes` has them.
    rows : int
    """

    def __init__(
        self, w: Mapping[str, torch.Tensor], parents: Sequence[int], rows: int
    ) -> None:
        self.slope, self.bias, self.rate = w["gate"]
        self.reversal, N = w["reversal"], len(parents)
        self.kept, own, axial, self.current = w["cable"]
        self.system = torch.diag(own)
        for n in range(1, N):
            ends = torch.tensor([n, parents[n]])
            loop = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
            self.system[ends[:, None], ends] += axial[n] * loop
        self.v = torch.zeros(rows, N)
        self.gates = torch.sigmoid(self.bias).expand(rows, -1, -1)

    def step(self, u: torch.Tensor) -> torch.Tensor:
        """Advance a bin with the units, shape (B, N, U); return voltages (B, N)."""
        wanted = torch.sigmoid(self.slope * self.v[..., None] + self.bias)
        self.gates = torch.lerp(self.gates, wanted, self.rate)
        g = u * self.gates
        inflow = self.kept * self.v + self.current + (g * self.reversal).sum(2)
        system = self.system + torch.diag_embed(g.sum(2))
        self.v = torch.linalg.solve(system, inflow)
        return self.v
