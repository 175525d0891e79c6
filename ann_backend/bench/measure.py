"""Runs all engines of a cell in turns, and makes the rows of the table.

After `worker` in the benchmark's line. A row's time is the median of the repeats, and
each repeat goes through all engines, so that a slow minute of the machine is shared.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from statistics import fmean, median
from typing import Any

from ann_backend._engine import cuda_devices
from ann_backend.bench.drive import BLOCK_MS, Drive
from ann_backend.bench.engines import ENGINES, PEERS, Job
from ann_backend.bench.worker import Worker, core_taken
from ann_backend.bundle import Bundle
from ann_backend.errors import AnnBackendError
from ann_backend.train.cell import CellDescription

__all__ = ["Effort", "measure"]

MOST_BINS, MOST_EVENTS = 10_000, 4_000_000  # of a repeat
KINDS = ENGINES | PEERS
PAUSE_S = 0.02  # threads of the engine before have gone to sleep by then

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes
    ----------
    cells : tuple of int
    repeats : int
    seconds : float
        That one repeat of one engine is to take, or longer.
    engines : tuple of str
    seed : int
    threads : tuple of int, optional
        Instead of those of each engine's kind.
    events_per_ms : float, optional
        Of a cell, instead of the typical number.
    synapses : int, optional
        Of a detailed cell, instead of one on each channel.
    """

    cells: tuple[int, ...] = (1, 50, 5000)
    repeats: int = 5
    seconds: float = 0.5
    engines: tuple[str, ...] = tuple(ENGINES)
    seed: int = 1
    threads: tuple[int, ...] | None = None
    events_per_ms: float | None = None
    synapses: int | None = None


class _Entry:
    """One row: an engine on some cells and cores, with its processes."""

    def __init__(
        self,
        engine: str,
        cell: CellDescription,
        bundle: Bundle,
        drive: Drive,
        cells: int,
        cores: int,
    ) -> None:
        self.kind, self.drive = KINDS[engine], drive
        limit, size = self.kind.limit, max(len(cell.channels), drive.synapses.sum())
        count = cells if limit is None else min(cells, limit(int(size)))
        self.count = count = max(count, cores) if self.kind.ranks else count
        self.row: dict[str, Any] = {
            "engine": engine,
            "cell": cell.name,
            "cells": cells,
            "threads": cores,
            "us_per_neuron_ms": None,
            "f1_2ms": bundle.manifest.fidelity.get("f1_2ms")
            if self.kind.weights
            else None,
            "bundle": bundle.manifest.name,
            "scaled": count < cells,
            "measured_cells": count,
        }
        if self.kind.weights:
            self.row["hidden"] = bundle.manifest.sizes.hidden
        if engine == "ours, CUDA":  # its bf16 products have no measured fidelity
            self.row["f1_2ms"] = None
        self.bins, self.found = BLOCK_MS, list[dict[str, float]]()
        self.workers: list[Worker] = []

    def start(self, cell: CellDescription, bundle: Bundle) -> None:
        """Start the processes, each with its share of the rows."""
        cores = self.row["threads"]
        parts = cores if self.kind.ranks else 1
        for k in range(parts):
            rows = range(self.count * k // parts, self.count * (k + 1) // parts)
            engine = self.row["engine"]
            job = Job(engine, cell, bundle, rows, cores // parts, self.drive)
            self.workers.append(Worker(job))

    def open(self) -> None:
        """Build the engine, one process after another."""
        found = [worker.open() for worker in self.workers]
        memory = [f["memory_MB"] for f in found if f["memory_MB"] is not None]
        if self.row["engine"] == "ours, CUDA":  # it opened: there is a device
            self.row["gpu"] = cuda_devices()[0]["name"]
        self.row |= {
            "setup_s": max(f["setup_s"] for f in found),
            "memory_MB": sum(memory) if len(memory) == len(found) else None,
            **found[0]["size"],
        }

    def choose_bins(self, seconds: float, most: int) -> None:
        """Lengthen the run until it takes about as long as asked."""
        while (took := self.run()["seconds"]) < 0.6 * seconds and self.bins < most:
            longer = min(max(seconds / max(took, 1e-6), 2.0), 8.0)
            blocks = round(self.bins * longer / BLOCK_MS)
            self.bins = min(blocks * BLOCK_MS, most)

    def run(self) -> dict[str, float]:
        """Run once, all processes at a time; seconds are those of the slowest."""
        with core_taken() if self.kind.taken else contextlib.nullcontext():
            for worker in self.workers:
                worker.ask(self.bins)
            found = [worker.answer() for worker in self.workers]
        means = {key: fmean(f[key] for f in found) for key in found[0]}
        return means | {"seconds": max(f["seconds"] for f in found)}

    def finish(self) -> dict[str, Any]:
        """End the processes and return the row."""
        for worker in self.workers:
            worker.close()
        if self.found and "note" not in self.row:
            medians = {k: median(f[k] for f in self.found) for k in self.found[0]}
            per = 1e6 / self.count / self.bins
            self.row["us_per_neuron_ms"] = medians.pop("seconds") * per
            seconds = [f["seconds"] for f in self.found]
            self.row |= {"us_min": min(seconds) * per, "us_max": max(seconds) * per}
            self.row |= {"ms": self.bins, **medians}
        return self.row


def measure(
    cell: CellDescription, bundle: Bundle, effort: Effort, say: Say
) -> Iterator[dict[str, Any]]:
    """Measure all engines on a cell; one row for each engine, cells and cores.

    A row without a time has a ``note`` that says why.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    bundle : Bundle
        With the cell's channels.
    effort : Effort
    say : callable
        Told of what goes on.
    """
    drive = Drive.of(
        cell,
        effort.seed,
        events_per_ms=effort.events_per_ms,
        synapses=effort.synapses,
    )
    per_ms = drive.events_per_ms
    for cells in effort.cells:
        entries = [
            _Entry(engine, cell, bundle, drive, cells, cores)
            for engine in effort.engines
            for cores in effort.threads or KINDS[engine].threads
            if cells >= max(cores, KINDS[engine].least)
            and cores <= (os.cpu_count() or 1)
        ]
        say(f"{cell.name}, {cells} cells: {len(entries)} engines start")
        try:
            for entry in entries:
                entry.start(cell, bundle)
            for entry in entries:
                with _noted(entry):
                    entry.open()
                    rough = MOST_EVENTS / per_ms / entry.count // BLOCK_MS
                    most = max(BLOCK_MS, int(min(MOST_BINS, rough * BLOCK_MS)))
                    entry.choose_bins(effort.seconds, most)
                    say(f"  {entry.row['engine']}, {entry.row['threads']}: ready")
            _repeat(entries, effort, say)
        finally:
            rows = [entry.finish() for entry in entries]
        yield from ({**row, "events_per_ms": per_ms} for row in rows)


def _repeat(entries: list[_Entry], effort: Effort, say: Say) -> None:
    """Go through all engines again and again."""
    for k in range(effort.repeats):
        say(f"  repeat {k + 1} of {effort.repeats}")
        for entry in entries:
            if "note" in entry.row:
                continue
            time.sleep(PAUSE_S)
            with _noted(entry):
                entry.found.append(entry.run())


@contextlib.contextmanager
def _noted(entry: _Entry) -> Iterator[None]:
    """Say in the row why an engine has no time."""
    try:
        yield
    except AnnBackendError as error:
        entry.row["note"] = str(error)
