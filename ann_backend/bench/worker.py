"""A process for each engine, alive through all repeats, with threads of its own.

After `engines` in the benchmark's line: what one engine does to a process (threads,
flushed denormals, memory) reaches no other, and repeats can take turns.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ann_backend.bench.drive import BLOCK_MS
from ann_backend.bench.engines import Job, opened
from ann_backend.errors import AnnBackendError

__all__ = ["Worker", "core_taken"]

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
MANY_ROWS, FEW_ROWS = 20_000, 1000
EVENT_MB = 100e-6  # of an event while a block of them is drawn
BUSY = "import os; {0}print(flush=True)\nwhile True: pass"


class Worker:
    """A job's process, started but not yet opened.

    Parameters
    ----------
    job : Job
    """

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, job), daemon=True)
        with _threads(job.threads):
            self.process.start()
        theirs.close()

    def open(self) -> dict[str, Any]:
        """Build the engine; return ``setup_s``, ``memory_MB`` and its ``size``."""
        self.answer()  # its imports are done
        self.ask(0)
        return dict(self.answer())

    def ask(self, bins: int) -> None:
        """Let it advance."""
        self.connection.send(bins)

    def answer(self) -> Any:
        """Wait for what it found.

        Raises
        ------
        AnnBackendError
            It failed, or its process ended.
        """
        try:
            found = self.connection.recv()
        except EOFError:
            self.process.join()
            code = self.process.exitcode
            raise AnnBackendError(f"its process ended with status {code}") from None
        if isinstance(found, str):
            raise AnnBackendError(found)
        return found

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.join(5.0)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(connection: Connection, job: Job) -> None:
    """Build the job's engine when asked, then run it as often as asked."""
    try:
        build = opened(job)
        connection.send({})
        connection.recv()
        _refuse_memory(job)
        before, start = _resident_MB(), time.perf_counter()
        engine = build()
        setup_s = time.perf_counter() - start
        engine.run(BLOCK_MS)
        after = _resident_MB()
        memory_MB = None if before is None or after is None else after - before
        size = getattr(engine, "size", {})
        connection.send({"setup_s": setup_s, "memory_MB": memory_MB, "size": size})
        while True:
            found = {"seconds": engine.run(connection.recv())}
            if engine.spikes is not None:
                row_ms = len(job.rows) * engine.t
                found["output_Hz"] = engine.spikes / row_ms * 1e3
            connection.send(found | getattr(engine, "more", dict)())
    except (EOFError, ConnectionError):  # it is not wanted any more
        return
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")


def _refuse_memory(job: Job) -> None:
    """Refuse more rows than memory has room for, by what a few of them take."""
    free = _free_MB()
    if len(job.rows) < MANY_ROWS or free is None:
        return
    before = _resident_MB() or 0.0
    few = opened(dataclasses.replace(job, rows=range(FEW_ROWS)))()
    few.run(BLOCK_MS)
    each = max((_resident_MB() or 0.0) - before, 0.0) / FEW_ROWS
    each += EVENT_MB * job.drive.events_per_ms * BLOCK_MS
    if (need := each * len(job.rows)) > free:
        raise AnnBackendError(
            f"expected {need:,.0f} MB of free memory for {len(job.rows):,} cells, got "
            f"{free:,.0f}; fewer --cells"
        )


def _free_MB() -> float | None:
    """Memory that the machine can still give, where the system tells."""
    info = Path("/proc/meminfo")
    if not info.exists():
        return None
    lines = dict(line.split(":") for line in info.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1.024e-3


def _resident_MB() -> float | None:
    """Memory of this process, where the system tells."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return None
    pages = int(status.read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let processes that start meanwhile use so many threads."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def core_taken() -> Iterator[None]:
    """Keep one core busy with a process of no other use."""
    pin = ""
    if hasattr(os, "sched_getaffinity"):
        pin = f"os.sched_setaffinity(0, [{min(os.sched_getaffinity(0))}]); "
    command = [sys.executable, "-c", BUSY.format(pin)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as busy:
        try:
            assert busy.stdout is not None
            busy.stdout.readline()
            yield
        finally:
            busy.kill()
