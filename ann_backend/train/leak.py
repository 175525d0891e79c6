"""Events into traces: what arrives in a bin, and what is left of the bins before.

Beside `model` in the training line; letters as there, and F traces of a row. On the CPU
C++ (csrc/train/leak.h), elsewhere torch's own operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ann_backend import _train

__all__ = ["in_torch", "leak"]


def leak(
    amounts: torch.Tensor,
    where: torch.Tensor,
    before: torch.Tensor,
    decay: torch.Tensor,
    bins: int,
) -> torch.Tensor:
    """Add amounts, and let them leak.

    Parameters
    ----------
    amounts : Tensor, shape (E,)
    where : Tensor of int64, shape (E,)
        Places in the result, as it lies in memory.
    before : Tensor, shape (F, B)
        At the end of the bin before. Gradients stop there.
    decay : Tensor, shape (F,)
        What is left after a bin.
    bins : int

    Returns
    -------
    Tensor, shape (F, T, B)
    """
    made: Callable[..., torch.Tensor] = _Leak.apply
    return made(amounts, where, before, decay, bins)


class _Leak(torch.autograd.Function):
    """In one function, so that nothing of the traces' size is made but the traces."""

    @staticmethod
    def forward(
        ctx: Any,
        amounts: torch.Tensor,
        where: torch.Tensor,
        before: torch.Tensor,
        decay: torch.Tensor,
        bins: int,
    ) -> torch.Tensor:
        ctx.save_for_backward(where, decay)
        y = amounts.new_zeros(len(decay), bins, before.shape[1])
        y.view(-1).index_add_(0, where, amounts)
        _run(y, before, decay, y, backwards=False)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        where, decay = ctx.saved_tensors
        of_y = gradients[0].contiguous()
        found = torch.empty_like(of_y)
        _run(of_y, torch.zeros_like(of_y[:, 0]), decay, found, backwards=True)
        return found.view(-1)[where], None, None, None, None


def _run(
    x: torch.Tensor,
    before: torch.Tensor,
    decay: torch.Tensor,
    y: torch.Tensor,
    *,
    backwards: bool,
) -> None:
    """Write y, which may be x, of x."""
    if x.is_cuda:
        in_torch(x, before, decay, y, backwards=backwards)
    else:
        first, left = before.contiguous().numpy(), decay.numpy()
        _train.leak(x.numpy(), first, left, y.numpy(), backwards)


def in_torch(
    x: torch.Tensor,
    before: torch.Tensor,
    decay: torch.Tensor,
    y: torch.Tensor,
    *,
    backwards: bool,
) -> None:
    """Do what `_train.leak` does in torch's operations, a bin at a time."""
    for t in sorted(range(x.shape[1]), reverse=backwards):
        before = torch.addcmul(x[:, t], before, decay[:, None], out=y[:, t])
