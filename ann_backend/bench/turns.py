"""The exchange of spikes and the coupled run: processes in turns, and their rows.

After `exchange` and `coupled` in the benchmark's line, as `measure` is after the
engines: each repeat goes through all processes, and rows hold medians.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from ann_backend.bench.drive import Drive
from ann_backend.bench.engines import COUPLED, WAYS, Job
from ann_backend.bench.measure import Effort
from ann_backend.bench.worker import Worker
from ann_backend.bundle import Bundle
from ann_backend.errors import AnnBackendError
from ann_backend.train.cell import CellDescription

__all__ = ["Network", "coupled", "exchange"]

EXCHANGED_PER_MS = 15.0  # events that a row receives
COUPLED_PER_MS = (1.0, 14.0)


class Network(NamedTuple):
    """How large, and for how long.

    Attributes
    ----------
    rows : int
    bins : int
        Of a repeat; a multiple of `BLOCK_MS`.
    """

    rows: int
    bins: int


Say = Callable[[str], None]


def exchange(
    cell: CellDescription,
    bundle: Bundle,
    network: Network,
    effort: Effort,
    say: Say,
) -> list[dict[str, Any]]:
    """Ns of an event from a spike to a channel, in each of `exchange.WAYS`.

    Parameters
    ----------
    cell, bundle
        Whose rows fire once at a strong event on channel 0.
    network : Network
    effort : Effort
        Its repeats and seed.
    say : callable
        Told of what goes on.

    Returns
    -------
    list of dict
        ``ns_per_event``, and ``exchange_ns``: without what the engine does with it,
        which in the same repeat was measured by itself.
    """
    drive = Drive.of(cell, effort.seed, events_per_ms=EXCHANGED_PER_MS)
    rows = range(network.rows)
    say(f"exchange: {len(rows)} cells, {EXCHANGED_PER_MS:g} events/ms each")
    jobs = [Job(way, cell, bundle, rows, 1, drive) for way in WAYS]
    try:
        found = _turns(jobs, network.bins, effort.repeats)
    except AnnBackendError as error:
        return [{"way": way, "note": str(error)} for way in WAYS]
    ns = [[1e9 * f["seconds"] / f["events"] for f in mine] for mine in found]
    return [
        {
            "way": way,
            "cell": cell.name,
            "cells": len(rows),
            "events_per_ms": EXCHANGED_PER_MS,
            "ns_per_event": median(mine),
            "ns_min": min(mine),
            "ns_max": max(mine),
            "exchange_ns": median(a - b for a, b in zip(mine, ns[-1], strict=True)),
        }
        for way, mine in zip(WAYS, ns, strict=True)
    ]


def coupled(
    cell: CellDescription,
    bundle: Bundle,
    network: Network,
    effort: Effort,
    say: Say,
) -> list[dict[str, Any]]:
    """What a run with replaced cells takes beside its engine and the other cell.

    Parameters
    ----------
    cell, bundle
        That are replaced.
    network : Network
    effort : Effort
        Its repeats and seed.
    say : callable
        Told of what goes on.

    Returns
    -------
    list of dict
        For each of `COUPLED_PER_MS`: us of a ms of the run, of the engine alone and of
        the run without replaced cells, and ``overhead``: the rest over the engine's.
    """
    made = []
    for per_ms in COUPLED_PER_MS:
        say(f"coupled: {network.rows} cells {cell.name}, {per_ms:g} events/ms each")
        drive = Drive.of(cell, effort.seed, events_per_ms=per_ms)
        row = {"cell": cell.name, "cells": network.rows, "events_per_ms": per_ms}
        rows = range(network.rows), range(0)
        jobs = [Job(COUPLED, cell, bundle, these, 1, drive) for these in rows]
        try:
            run, alone = _turns(jobs, network.bins, effort.repeats)
            made.append(row | _parts(run, alone, network.bins))
        except AnnBackendError as error:
            made.append(row | {"note": str(error)})
    return made


def _parts(
    run: list[dict[str, float]], alone: list[dict[str, float]], bins: int
) -> dict[str, float]:
    """What a run took, its engine, and the other cell; what is left over the engine."""
    us = 1e6 / bins
    both = zip(run, alone, strict=True)
    parts = [
        (a["seconds"] * us, a["engine_s"] * us, b["seconds"] * us) for a, b in both
    ]
    over = [(whole - own - without) / own for whole, own, without in parts]
    whole, own, without = map(median, zip(*parts, strict=True))
    return {
        "run_us": whole,
        "engine_us": own,
        "without_us": without,
        "overhead": median(over),
        "overhead_min": min(over),
        "overhead_max": max(over),
    }


def _turns(jobs: list[Job], bins: int, repeats: int) -> list[list[dict[str, float]]]:
    """Run jobs again and again, each in a process of its own: their repeats."""
    workers = [Worker(job) for job in jobs]
    found: list[list[dict[str, float]]] = [[] for _ in jobs]
    try:
        for worker in workers:
            worker.open()
        for _ in range(repeats):
            for worker, mine in zip(workers, found, strict=True):
                worker.ask(bins)
                mine.append(worker.answer())
    finally:
        for worker in workers:
            worker.close()
    return found
