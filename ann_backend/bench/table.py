"""What the rows say of each other: ratios, and the number of cells that pays.

After `measure` in the benchmark's line; rows go in, records come out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["break_even", "cost", "ratios"]

Row = Mapping[str, Any]
OURS = "ours"


def cost(
    rows: Sequence[Row], engine: str, cell: str, cells: int, threads: int = 1
) -> float | None:
    """Cost of one row, us per neuron-ms; None where there is none."""
    for row in rows:
        key = (row["engine"], row["cell"], row["cells"], row["threads"])
        if key == (engine, cell, cells, threads):
            found: float | None = row["us_per_neuron_ms"]
            return found
    return None


def ratios(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """How many times the cost of the engine the others have, on as many cores."""
    found = []
    for row in rows:
        us = row["us_per_neuron_ms"]
        place = (row["cell"], row["cells"], row["threads"])
        ours = cost(rows, OURS, *place)
        if us is None or ours is None or row["engine"] == OURS:
            continue
        found.append(
            {
                "ratio": f"{row['engine']} / {OURS}",
                "cell": place[0],
                "cells": place[1],
                "threads": place[2],
                "times": us / ours,
            }
        )
    return found


def break_even(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Smallest number of cells from which the engine takes less time than another.

    The time of a ms is interpolated linearly between the numbers that were measured;
    None where the other is faster at all of them.
    """
    others = dict.fromkeys((r["engine"], r["cell"], r["threads"]) for r in rows)
    found = []
    for engine, cell, threads in others:
        if engine.startswith(OURS):
            continue
        both = [
            (cells, cost(rows, engine, cell, cells, threads), ours)
            for cells in sorted({r["cells"] for r in rows})
            if (ours := cost(rows, OURS, cell, cells, threads)) is not None
        ]
        known = [(n, n * theirs, n * ours) for n, theirs, ours in both if theirs]
        if known:
            record = {"against": engine, "cell": cell, "threads": threads}
            found.append({**record, "cells": _crossing(known)})
    return found


def _crossing(known: list[tuple[int, float, float]]) -> int | None:
    count, theirs, ours = (np.array(x, float) for x in zip(*known, strict=True))
    n = np.arange(count[0], count[-1] + 1)
    ahead = np.interp(n, count, ours) <= np.interp(n, count, theirs)
    return int(n[ahead][0]) if ahead.any() else None
