"""A surrogate on its own: trials' events in, what it makes of them out.

Between the dataset and `calibrate` or `validate`; runs the compiled engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ann_backend.train.events import Events
from ann_backend.train.tally import Response

if TYPE_CHECKING:
    from ann_backend._engine import Engine

__all__ = ["free_run"]

ROWS = 32  # trials in the engine at a time: bounds the memory of their events
CHUNK_MS = 500  # events of all rows are merged for this long at a time


def free_run(
    make: Callable[[int], Engine],
    events: Sequence[Events],
    bins: int,
    *,
    threads: int = 1,
    quiet: bool = False,
) -> Response:
    """Run a surrogate on trials, one row each.

    Parameters
    ----------
    make : callable
        Makes an engine of so many rows: `Bundle.engine`.
    events : sequence of Events
        Asked for `ROWS` trials at a time, so they may be drawn when asked for.
    bins : int
        Bins of 1 ms.
    threads : int
        Engines that run at a time.
    quiet : bool
        No progress bar.
    """
    trials = len(events)
    hazard, v = np.empty((trials, bins), np.float32), np.empty((trials, bins), "f4")
    starts = range(0, trials, ROWS)
    bar = tqdm(total=len(starts) * bins, desc="validate", disable=quiet, unit="bin")

    def run(first: int) -> list[NDArray[np.float64]]:
        rows = slice(first, min(first + ROWS, trials))
        part = [events[k] for k in range(rows.start, rows.stop)]
        return _run_rows(make(len(part)), part, hazard[rows], v[rows], bar)

    with bar, ThreadPoolExecutor(threads) as pool:
        spikes = [train for some in pool.map(run, starts) for train in some]
    p = (1.0 / (1.0 + np.exp(-hazard))).astype(np.float32)
    return Response(p, v, spikes)


def _run_rows(
    engine: Engine,
    events: Sequence[Events],
    hazard: NDArray[np.float32],
    v: NDArray[np.float32],
    bar: Any,
) -> list[NDArray[np.float64]]:
    """Fill the hazard's logits and the voltages of some rows; return their spikes."""
    rows, bins = v.shape
    found: list[tuple[NDArray[np.int32], NDArray[np.float64]]] = []
    for start in range(0, bins, CHUNK_MS):
        stop = min(start + CHUNK_MS, bins)
        row, channel, weight, t = _merged(events, start, stop)
        edges = np.searchsorted(t, np.arange(start, stop + 1))
        for n in range(start, stop):
            now = slice(edges[n - start], edges[n - start + 1])
            v[:, n], who, when = engine.step(
                float(n), row[now], channel[now], weight[now], t[now]
            )
            hazard[:, n] = engine.outputs[:, 0]
            found.append((who, when))
        bar.update(stop - start)
    who = np.concatenate([w for w, _ in found])
    when = np.concatenate([s for _, s in found])
    return [when[who == k] for k in range(rows)]


def _merged(
    events: Sequence[Events], start: int, stop: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows, channels, weights, times of all rows' events in [start, stop), by time."""
    cuts = [slice(*np.searchsorted(e.t, (start, stop))) for e in events]
    both = list(zip(events, cuts, strict=True))
    t = np.concatenate([e.t[cut] for e, cut in both])
    row = np.repeat(np.arange(len(events)), [cut.stop - cut.start for cut in cuts])
    channel = np.concatenate([e.channel[cut] for e, cut in both])
    weight = np.concatenate([e.weight[cut] for e, cut in both])
    order = np.argsort(t, kind="stable")
    return (
        row[order].astype(np.int32),
        channel[order].astype(np.int32),
        weight[order].astype(np.float64),
        t[order],
    )
