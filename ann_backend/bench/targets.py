"""The targets of this project as data, and whether the rows meet them.

Last in the benchmark's line. A target that these rows cannot tell of is not measured,
and says why: it is neither met nor missed.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ann_backend.bench.engines import BASELINE, CONNECT, NETCONS
from ann_backend.bench.table import OURS, Row, cost

__all__ = ["TARGETS", "Target", "judged"]

CELL = "L5PC"
MANY, PARALLEL, COUPLED = 50, 500, 1000  # cells

Measure = Callable[[Sequence[Row]], float | None]


@dataclasses.dataclass(frozen=True)
class Target:
    """A number to reach.

    Attributes
    ----------
    name : str
    target : float
    measure : callable, optional
        Rows -> the number; None where no row of this command tells of it.
    why_not : str
        Why it has no measure.
    most : bool
        The target is a largest number; otherwise a smallest.
    trained : bool
        It is met only by a bundle whose fidelity is known.
    part : {"rows", "exchange", "coupled"}
        Of the result, whose rows these are.
    """

    name: str
    target: float
    measure: Measure | None = None
    why_not: str = ""
    most: bool = False
    trained: bool = False
    part: str = "rows"

    def judge(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Name, target, the number, whether it is met, and what else must be said."""
        found = None if self.measure is None else self.measure(rows)
        record: dict[str, Any] = {
            "name": self.name,
            "sense": "<=" if self.most else ">=",
            "target": self.target,
            "measured": found,
            "met": None,
            "note": "",
        }
        if found is None:
            return record | {"note": self.why_not or "its rows were not run"}
        met = found <= self.target if self.most else found >= self.target
        if met and self.trained and not _trained(rows):
            return record | {"note": "fast enough, but the weights are untrained"}
        return record | {"met": met}


def _trained(rows: Sequence[Row]) -> bool:
    mine = [r for r in rows if (r["engine"], r["cell"]) == (OURS, CELL)]
    return all(r["f1_2ms"] is not None for r in mine)


def _smallest(engine: str, threads: int, least: int) -> Measure:
    """Smallest ratio of an engine's cost to ours, over numbers of cells."""

    def measure(rows: Sequence[Row]) -> float | None:
        sizes = sorted({r["cells"] for r in rows if r["cells"] >= least})
        place = [(CELL, cells, threads) for cells in sizes]
        pairs = [(cost(rows, engine, *p), cost(rows, OURS, *p)) for p in place]
        return min((a / b for a, b in pairs if a and b), default=None)

    return measure


def _at(engine: str, cells: int) -> Measure:
    """Ratio of an engine's cost to ours at one number of cells."""

    def measure(rows: Sequence[Row]) -> float | None:
        theirs, ours = (cost(rows, name, CELL, cells) for name in (engine, OURS))
        return theirs / ours if theirs and ours else None

    return measure


def _scaling(rows: Sequence[Row]) -> float | None:
    """Smallest gain of two threads over one, of either cell."""
    many = {(r["cell"], r["cells"]) for r in rows if r["cells"] >= PARALLEL}
    pairs = [(cost(rows, OURS, *p, 1), cost(rows, OURS, *p, 2)) for p in many]
    return min((one / two for one, two in pairs if one and two), default=None)


def _stolen(rows: Sequence[Row]) -> float | None:
    """Largest slowing of two threads by a process on one of two cores."""
    if os.cpu_count() != 2:  # the threads would move to another
        return None
    many = {(r["cell"], r["cells"]) for r in rows if r["cells"] >= PARALLEL}
    taken = f"{OURS}, a core taken"
    pairs = [(cost(rows, taken, *p, 2), cost(rows, OURS, *p, 2)) for p in many]
    return max((slow / two for slow, two in pairs if slow and two), default=None)


def _share(floor: str, cells: int) -> Measure:
    """Share of the time of a row that a peak of the core would take."""

    def measure(rows: Sequence[Row]) -> float | None:
        for row in rows:
            key = (row["engine"], row["cell"], row["cells"], row["threads"])
            if key == (OURS, CELL, cells, 1) and row.get(floor):
                found: float = row[floor] / row["us_per_neuron_ms"]
                return found
        return None

    return measure


def _on_gpu(hidden: int) -> Measure:
    """Neuron-ms per second of 100,000 cells on an H200."""

    def measure(rows: Sequence[Row]) -> float | None:
        us = [
            row["us_per_neuron_ms"]
            for row in rows
            if (row["engine"], row["cell"]) == (f"{OURS}, CUDA", CELL)
            and (row["cells"], row["hidden"]) == (100_000, hidden)
            and "H200" in row.get("gpu", "")
        ]
        return max((1e6 / u for u in us if u), default=None)

    return measure


def _faster(way: str) -> Measure:
    """Ns of an event on NEURON's queue over those in another way."""

    def measure(rows: Sequence[Row]) -> float | None:
        ns = {row["way"]: row.get("exchange_ns") for row in rows}
        queue, ours = ns.get(BASELINE), ns.get(way)
        return queue / ours if queue and ours and ours > 0 else None

    return measure


def _overhead(rows: Sequence[Row]) -> float | None:
    """Largest overhead of a coupled run, of either cell, at 1 event/ms."""
    asked = [r for r in rows if (r["cells"], r["events_per_ms"]) == (COUPLED, 1.0)]
    return max((r["overhead"] for r in asked if "overhead" in r), default=None)


_AS_RANKS = {1: "1 core", 2: "2 cores, processes against threads"}
_NO_EXCHANGE = "this command exchanges no spikes on a GPU"
_NO_FLOOR = "needs an H200, and a floor that this command does not measure"

TARGETS = (
    *(
        Target(
            f"{engine} / ours, {CELL}, 50 cells or more, {_AS_RANKS[cores]}",
            target,
            _smallest(engine, cores, MANY),
            trained=True,
        )
        for engine, target in (("NEURON", 4000), ("CoreNEURON", 1100))
        for cores in (1, 2)
    ),
    *(
        Target(f"torch / ours, {CELL}, cells: {cells}", target, _at("torch", cells))
        for cells, target in ((1, 20), (50, 4), (5000, 2.5))
    ),
    Target(
        f"paper, windowed / ours, {CELL}, 50 cells",
        1000,
        _at("paper, windowed", 50),
        trained=True,
    ),
    Target(
        f"share of the FMA peak, {CELL}, 50 cells", 0.75, _share("fma_floor_us", 50)
    ),
    Target(
        f"share of the read bandwidth, {CELL}, 1 cell", 0.8, _share("read_floor_us", 1)
    ),
    *(
        Target(f"NetCons, queue / {way}, per event", n, _faster(way), part="exchange")
        for way, n in ((NETCONS, 12), (CONNECT, 150))
    ),
    Target("two threads / one, 500 cells or more", 1.8, _scaling),
    Target("slower by, a core taken, 500 cells or more", 2.5, _stolen, most=True),
    Target(
        f"coupled run, overhead / engine, {COUPLED:,} cells, 1 event/ms",
        0.1,
        _overhead,
        most=True,
        part="coupled",
    ),
    Target("H200: step / floor, 100,000 cells", 2.5, why_not=_NO_FLOOR, most=True),
    *(
        Target(
            f"H200: real-time factor, 5,000 connected cells, H = {hidden}",
            target,
            why_not=_NO_EXCHANGE,
        )
        for hidden, target in ((64, 60), (128, 25))
    ),
    *(
        Target(f"H200: neuron-ms/s, 100,000 cells, H = {hidden}", n, _on_gpu(hidden))
        for hidden, n in ((64, 0.6e9), (128, 0.2e9))
    ),
)


def judged(parts: Mapping[str, Sequence[Row]]) -> list[dict[str, Any]]:
    """Every target beside what the rows of its part of the result say of it."""
    return [target.judge(parts.get(target.part, ())) for target in TARGETS]
