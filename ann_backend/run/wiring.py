"""Connections between the rows of populations, from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ann_backend._engine import on_host
from ann_backend.errors import CellError
from ann_backend.run import limits, prepare
from ann_backend.run.population import Population

__all__ = ["connect"]

LONGEST_MS = 1e5  # delay: csrc/wires.cpp


def connect(
    pre: ArrayLike,
    post: ArrayLike,
    channel: int | str | Sequence[int | str] | NDArray[Any],
    weight: ArrayLike,
    delay: ArrayLike,
    *,
    U: float = 0.0,
    tau_rec: float = 0.0,
    tau_fac: float = 0.0,
) -> None:
    """Connect rows of populations, of one or of several; 16 bytes a connection.

    Arrays may lie on a GPU (``__cuda_array_interface__``): they are copied.

    Parameters
    ----------
    pre, post : array of int, shape (N,)
        Gids.
    channel : int, str or sequence of these
        Of the target's bundle.
    weight : array of float, uS
        Kept in float32.
    delay : array of float, ms
        Kept in float32. A spike is known at the end of its 1 ms bin: an event that a
        shorter delay would put before comes then, said once.
    U, tau_rec, tau_fac : float
        Short-term plasticity of each of these connections, times in ms, as
        ``ann_AMPANMDA`` and ``ann_GABAA`` have it (Tsodyks & Markram); 24 bytes more.
        ``U = 0``: static.

    Raises
    ------
    CellError
        A gid or channel that no population has, a weight or delay that is not finite, a
        negative delay, U outside 0 to 1, a negative time constant, or arrays that do
        not broadcast. Nothing is connected then.
    """
    given = [np.asarray(on_host(a)) for a in (pre, post, weight, delay, channel)]
    *arrays, kinds = [np.atleast_1d(a) for a in given]
    names, which = np.unique(kinds, return_inverse=True)
    try:
        pre, post, weight, delay, kind = np.broadcast_arrays(*arrays, which.reshape(-1))
    except ValueError:
        shapes = [a.shape for a in (*arrays, which.reshape(-1))]
        raise CellError(
            "expected pre, post, weight, delay and channel of one shape (N,), or "
            f"scalars, got {shapes}"
        ) from None
    _refuse(pre, post, weight, delay)
    _refuse_plasticity(U, tau_rec, tau_fac)
    populations = prepare.populations()
    pair = _owners(pre, populations) * len(populations) + _owners(post, populations)
    parts = []
    for one in np.unique(pair):
        mine = pair == one
        source, target = (populations[k] for k in divmod(int(one), len(populations)))
        found = target.channels(names)[kind[mine]]
        _warn_of_weights(target, found, weight[mine])
        parts.append((source, target, mine, found))
    for source, target, mine, found in parts:
        source.engine.connect(
            (pre[mine] - source.gids.start).astype(np.int32),
            target.engine,
            (post[mine] - target.gids.start).astype(np.int32),
            found,
            weight[mine].astype(np.float32),
            delay[mine].astype(np.float32),
            U,
            tau_rec,
            tau_fac,
        )
    short = delay[delay < 1.0]
    if len(short):
        late = float(np.mean((1.0 - short) ** 2) / 2)
        text = (
            f"{len(short)} connections have a delay below 1 ms: their events come "
            f"{late:.3g} ms late on average"
        )
        limits.warn_once([limits.Approximation("wires", len(short), text)])


def _refuse(pre: Any, post: Any, weight: Any, delay: Any) -> None:
    for name, gids in (("pre", pre), ("post", post)):
        if gids.size and not np.issubdtype(gids.dtype, np.integer):
            raise CellError(f"expected {name} as integers (gids), got {gids.dtype}")
    bad = ~(np.abs(weight) <= np.finfo(np.float32).max)
    if bad.any():
        raise CellError(f"expected finite weights (uS), got {weight[bad][0]}")
    bad = ~((delay >= 0) & (delay <= LONGEST_MS))
    if bad.any():
        raise CellError(
            f"expected delays of 0 to {LONGEST_MS:g} ms, got {delay[bad][0]}"
        )


def _refuse_plasticity(U: float, tau_rec: float, tau_fac: float) -> None:
    if not 0 <= U <= 1:
        raise CellError(f"expected U of 0 to 1, got {U}")
    for tau in (tau_rec, tau_fac):
        if not 0 <= tau < np.inf:
            raise CellError(f"expected tau_rec and tau_fac of 0 ms or more, got {tau}")


def _warn_of_weights(target: Population, channel: Any, weight: Any) -> None:
    limits_uS = np.array([c.weight_uS for c in target.bundle.manifest.channels])
    low, high = limits_uS[channel].T
    count = int(((weight < low) | (weight > high)).sum())
    text = (
        f"{count} connections onto {target} have a weight outside the range that its "
        "bundle was trained in: fidelity there is unknown"
    )
    if count:
        limits.warn_once([limits.Approximation("wire weights", count, text)])


def _owners(gids: NDArray[Any], populations: list[Population]) -> NDArray[np.int64]:
    """Which of the populations each gid belongs to."""
    owner = np.full(gids.shape, -1, np.int64)
    for k, p in enumerate(populations):
        owner[(gids >= p.gids.start) & (gids < p.gids.stop)] = k
    if (owner < 0).any():
        raise CellError(
            f"expected gids of populations ({populations}), got "
            f"{gids[owner < 0][0]}; other cells are joined by NetCons, with "
            "Population.source and Population.input"
        )
    return owner
