"""What is measured, by name: opens each engine in the process that will run it.

After `drive` in the benchmark's line: a `Job` says which engine, which cell and which
rows; `opened` builds it. Nothing of an engine is imported before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

from ann_backend.bench.drive import Drive
from ann_backend.bundle import Bundle
from ann_backend.train.cell import CellDescription

__all__ = [
    "BASELINE",
    "CIRCUITS",
    "CONNECT",
    "COUPLED",
    "ENGINE",
    "ENGINES",
    "NETCONS",
    "PEERS",
    "WAYS",
    "Engine",
    "Job",
    "Kind",
    "opened",
]

DETAILED_CHANNELS = 2000  # of all copies of a cell that NEURON is measured on
WINDOWED_CELLS = 50  # of the paper's network as published
JAXLEY_CELLS = 50


class Engine(Protocol):
    """Rows that advance together; `run` returns the seconds that it took."""

    @property
    def t(self) -> int:
        """Bins so far."""
        ...

    @property
    def spikes(self) -> int | None:
        """So far, of all rows; None where they are not read out."""
        ...

    def run(self, bins: int) -> float:
        """Advance by bins of 1 ms, a multiple of `BLOCK_MS`."""
        ...


@dataclasses.dataclass(frozen=True)
class Kind:
    """How an engine is measured.

    Attributes
    ----------
    threads : tuple of int
        Numbers of cores to measure it on.
    ranks : bool
        More cores are more processes, each with its share of the cells.
    weights : bool
        It runs the bundle, so the bundle's fidelity is its own.
    limit : callable
        Channels of a cell -> cells that it is measured on at most.
    least : int
        Cells from which it is measured.
    taken : bool
        Another process is busy on one of the cores.
    """

    threads: tuple[int, ...] = (1,)
    ranks: bool = False
    weights: bool = False
    limit: Callable[[int], int] | None = None
    least: int = 1
    taken: bool = False


def _detailed_limit(channels: int) -> int:
    return max(2, DETAILED_CHANNELS // channels)


ENGINES = {
    "NEURON": Kind(threads=(1, 2), ranks=True, limit=_detailed_limit),
    "CoreNEURON": Kind(threads=(1, 2), ranks=True, limit=_detailed_limit),
    "ours": Kind(threads=(1, 2), weights=True),
    "ours, a core taken": Kind(threads=(2,), weights=True, least=500, taken=True),
    "ours, CUDA": Kind(weights=True),
    "torch": Kind(weights=True),
    "paper, windowed": Kind(limit=lambda _: WINDOWED_CELLS),
    "paper, streamed": Kind(),
}

# in an environment of their own: `peers`
PEERS = {
    "Jaxley": Kind(limit=lambda _: JAXLEY_CELLS),
    "Jaxley, single": Kind(limit=lambda _: JAXLEY_CELLS),
    "Branch-ELM": Kind(),
    "AxoSim GRU": Kind(),
    "AxoSim Lite": Kind(),
}

# of the exchange of spikes, a coupled run, a circuit: processes that `turns` starts
BASELINE, NETCONS, CONNECT, ENGINE = "NetCons, queue", "NetCons", "connect", "engine"
WAYS = (BASELINE, NETCONS, CONNECT, ENGINE)
COUPLED = "coupled"
CIRCUITS = {f"circuit, {way}": way for way in WAYS}


@dataclasses.dataclass(frozen=True)
class Job:
    """One process of an engine.

    Attributes
    ----------
    engine : str
        A name in `ENGINES` or `PEERS`, one of `WAYS`, one of `CIRCUITS`, or `COUPLED`.
    cell : CellDescription
        Resolved.
    bundle : Bundle
    rows : range
        Which of the cells; their input goes with their numbers.
    threads : int
    drive : Drive
        Its input.
    """

    engine: str
    cell: CellDescription
    bundle: Bundle
    rows: range
    threads: int
    drive: Drive


def opened(job: Job) -> Callable[[], Engine]:
    """Import what the engine needs; the function returned builds it."""
    drive, rows, threads = job.drive, job.rows, job.threads
    if job.engine in ("NEURON", "CoreNEURON"):
        from ann_backend.bench.detailed import Detailed

        fast = job.engine == "CoreNEURON"
        return lambda: Detailed(job.cell, drive, rows, fast=fast)
    if job.engine.startswith("ours"):
        from ann_backend.bench.surrogate import Surrogate

        backend = "cuda" if job.engine == "ours, CUDA" else "cpu"
        return lambda: Surrogate(
            job.bundle, drive, rows, backend=backend, threads=threads
        )
    if job.engine == "torch":
        from ann_backend.bench.streamed import Streamed

        return lambda: Streamed(job.bundle, drive, rows, threads=threads)
    if job.engine in PEERS:
        from ann_backend.bench.peers.engine import Peer

        return lambda: Peer(job)
    if job.engine in WAYS:
        from ann_backend.bench.exchange import EngineAlone, Exchange

        if job.engine == ENGINE:
            return lambda: EngineAlone(job.bundle, drive, rows)
        return lambda: Exchange(job.cell, job.bundle, drive, rows, way=job.engine)
    if job.engine in CIRCUITS:
        from ann_backend.bench.circuit import Circuit

        way = CIRCUITS[job.engine]
        return lambda: Circuit(job.bundle, drive, rows, threads=threads, way=way)
    if job.engine == COUPLED:
        from ann_backend.bench.coupled import Coupled

        return lambda: Coupled(job.cell, job.bundle, drive, rows)
    from ann_backend.bench.published import Published

    windowed = job.engine == "paper, windowed"
    return lambda: Published(drive, rows, threads=threads, windowed=windowed)
