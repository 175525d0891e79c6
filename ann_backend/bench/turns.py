"""Exchange of spikes, coupled run, circuit: processes in turns, and their rows.

After `exchange`, `coupled` and `circuit` in the benchmark's line, as `measure` is after
the engines: each repeat goes through all processes, and rows hold medians.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ann_backend.bench.drive import Drive
from ann_backend.bench.engines import (
    BASELINE,
    CONNECT,
    COUPLED,
    ENGINE,
    NETCONS,
    WAYS,
    Job,
)
from ann_backend.bench.measure import Effort
from ann_backend.bench.worker import Worker
from ann_backend.bundle import Bundle
from ann_backend.errors import AnnBackendError
from ann_backend.train.cell import CellDescription

__all__ = ["Network", "circuit", "coupled", "exchange"]

EXCHANGED_PER_MS = 15.0  # events that a row receives
COUPLED_PER_MS = (1.0, 14.0)
COSTS = "build_s", "memory_MB", "s_per_s", "s_per_s_min", "s_per_s_max"
FEW = 100, 2000  # rows, and synapses of each, of a circuit that NetCons join


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


Ran = tuple[dict[str, Any], list[dict[str, float]]]
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
        found = [f for _, f in _turns(jobs, network.bins, effort.repeats)]
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
            (_, run), (_, alone) = _turns(jobs, network.bins, effort.repeats)
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


def circuit(
    cell: CellDescription,
    bundle: Bundle,
    network: Network,
    synapses: int,
    effort: Effort,
    say: Say,
) -> list[dict[str, Any]]:
    """What a circuit takes to build, to hold and to run.

    By `connect` it is measured as large as asked; by NetCons with fewer rows and
    synapses, and the time of its events scaled.

    Parameters
    ----------
    cell, bundle
        Of the rows.
    network : Network
    synapses : int
        Of each row.
    effort : Effort
        Its repeats, seed and, the last of them, threads.
    say : callable
        Told of what goes on.

    Returns
    -------
    list of dict
        ``build_s``, ``memory_MB``, ``s_per_s``: seconds of a biological second; on how
        many cells and synapses of each they were measured.
    """
    threads = effort.threads[-1] if effort.threads else min(2, os.cpu_count() or 1)
    few, fewer = min(FEW[0], network.rows), min(FEW[1], synapses)
    plan = [(way, network.rows, synapses) for way in (ENGINE, CONNECT)]
    plan += [(way, few, fewer) for way in (ENGINE, NETCONS, BASELINE)]
    say(f"circuit: {network.rows:,} rows {cell.name}, {synapses:,} synapses each")
    jobs = []
    for way, rows, count in plan:
        drive = Drive.of(cell, effort.seed, synapses=count)
        job = Job(f"circuit, {way}", cell, bundle, range(rows), threads, drive)
        jobs.append(job)
    about: dict[str, Any] = {
        "cell": cell.name,
        "cells": network.rows,
        "synapses": synapses,
    }
    about["threads"] = threads
    try:
        alone, joined, less, *others = _turns(jobs, network.bins, effort.repeats)
    except AnnBackendError as error:
        return [about | {"way": way, "note": str(error)} for way in WAYS]
    more = network.rows * synapses / (few * fewer)
    whole, small = _costs(alone, network.bins), _costs(less, network.bins)
    made = [whole, _costs(joined, network.bins)]
    made += [whole + more * (_costs(one, network.bins) - small) for one in others]
    fired = median(f["spikes"] for f in joined[1])
    about["output_Hz"] = 1e3 * fired / network.rows / network.bins
    return [
        about
        | {"way": way, "measured_cells": rows, "measured_synapses": count}
        | dict(zip(COSTS, cost.tolist(), strict=True))
        for (way, rows, count), cost in zip(plan[:2] + plan[3:], made, strict=True)
    ]


def _costs(ran: Ran, bins: int) -> NDArray[np.float64]:
    """Of one process, in the order of `COSTS`."""
    opened, repeats = ran
    seconds = [f["seconds"] * 1e3 / bins for f in repeats]
    return np.array(
        [
            opened["setup_s"],
            opened["memory_MB"] or np.nan,
            median(seconds),
            min(seconds),
            max(seconds),
        ]
    )


def _turns(jobs: list[Job], bins: int, repeats: int) -> list[Ran]:
    """Run jobs again and again, each in a process of its own.

    Returns
    -------
    list of (dict, list of dict)
        What each said when it was opened, and its repeats.
    """
    workers = [Worker(job) for job in jobs]
    found: list[list[dict[str, float]]] = [[] for _ in jobs]
    try:
        opened = [worker.open() for worker in workers]
        for _ in range(repeats):
            for worker, mine in zip(workers, found, strict=True):
                worker.ask(bins)
                mine.append(worker.answer())
    finally:
        for worker in workers:
            worker.close()
    return list(zip(opened, found, strict=True))
