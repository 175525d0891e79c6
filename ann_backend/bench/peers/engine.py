"""A peer as an engine of the benchmark: a process in the other environment.

After `environment` in the peers' line; `there` is what answers. What passes is lines of
JSON: a job, then numbers of ms, against seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ann_backend.bench.engines import Job
from ann_backend.bench.peers import environment
from ann_backend.errors import AnnBackendError
from ann_backend.train.cell import CellDescription

__all__ = ["Line", "Peer", "living"]

HERE = Path(__file__).resolve().parent


class Line:
    """A process of the other environment, and the first of its answers.

    Parameters
    ----------
    job : mapping
        JSON types; see `there`.
    """

    def __init__(self, job: Mapping[str, Any]) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        self.process = subprocess.Popen(
            [environment.python(lambda _: None), "-m", "there"],
            cwd=HERE,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.first = self.ask(json.dumps(job))

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and wait for the answer.

        Raises
        ------
        AnnBackendError
            The process ended; the message has its last lines.
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended: see below
            print(line, file=stdin, flush=True)
        if not (answer := stdout.readline()):
            self.process.wait()
            self.errors.seek(0)
            tail = "\n".join(self.errors.read().splitlines()[-5:])
            self.close()
            raise AnnBackendError(f"the peer's process ended:\n{tail}")
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        """Let it end."""
        self.process.communicate()
        self.errors.close()


class Peer:
    """Rows of a peer.

    Parameters
    ----------
    job : Job
        Its cell is built in this process where the peer is Jaxley. Its rate of events
        is the drive's; the peer draws them itself.
    """

    spikes = None

    def __init__(self, job: Job) -> None:
        self.t = 0
        jaxley = job.engine.startswith("Jaxley")
        asked = {
            "engine": job.engine,
            "rows": len(job.rows),
            "events_per_ms": job.drive.events_per_ms,
            "seed": job.drive.seed,
            "cell": living(job.cell)[1] if jaxley else None,
        }
        self.line = Line(asked)
        self.size, self.last = self.line.first, dict[str, Any]()

    def run(self, bins: int) -> float:
        """Advance; return the seconds it took."""
        self.last = self.line.ask(str(bins))
        self.t += bins
        return float(self.last["seconds"])

    def more(self) -> dict[str, float]:
        """Memory of the peer's whole process, at its most."""
        return {"memory_MB": self.last["memory_MB"]}


def living(cell: CellDescription) -> tuple[Any, dict[str, Any]]:
    """Build a cell in this process; return it and its description."""
    from ann_backend.bench.peers.geometry import described
    from ann_backend.nrn import h
    from ann_backend.train import build

    build.load(cell, fast=False)
    h.celsius = cell.celsius
    one = build.instance(cell)
    return one, described(one) | {"v_init_mV": cell.v_init_mV}
