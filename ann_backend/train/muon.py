"""Muon: steps along the orthogonalised momentum of a matrix.

torch.optim.Muon is the same in bfloat16; on a CPU without bfloat16 arithmetic that is
ten times as slow as the float32 of here, a third of a training step.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

__all__ = ["Muon", "orthogonalised"]

MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """Bring all singular values of a matrix near 1, by a Newton-Schulz iteration.

    They end between .68 and 1.14 where they were above 3e-3 of the Frobenius norm.
    Coefficients: K. Jordan et al., Muon: an optimizer for hidden layers (2024).
    """
    x = matrix.T if len(matrix) > matrix.shape[1] else matrix
    x = x / x.norm().clamp_min(1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(ITERATIONS):
        square = x @ x.T
        polynomial = torch.addmm(square, square, square, beta=b, alpha=c)
        x = torch.addmm(x, polynomial, x, beta=a)
    return x.T if len(matrix) > matrix.shape[1] else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised, at the size of AdamW's steps.

    Parameters
    ----------
    matrices : iterable of Parameter
        Of two dimensions.
    lr : float
        Steps have a root mean square of .2 lr, as AdamW's have (J. Liu et al. 2025,
        Muon is scalable for LLM training): one rate is for both.
    """

    def __init__(self, matrices: Iterable[torch.nn.Parameter], lr: float) -> None:
        super().__init__(matrices, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Take a step along the gradients."""
        for group in self.param_groups:
            for matrix in group["params"]:
                state = self.state[matrix]
                if not state:
                    state["momentum"] = torch.zeros_like(matrix)
                state["momentum"].lerp_(matrix.grad, 1.0 - MOMENTUM)
                ahead = matrix.grad.lerp(state["momentum"], MOMENTUM)
                size = 0.2 * max(matrix.shape) ** 0.5
                matrix.add_(orthogonalised(ahead), alpha=-group["lr"] * size)
