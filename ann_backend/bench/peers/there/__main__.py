"""Answers requests, line by line: see `there`."""

from __future__ import annotations

import json
import sys
from typing import Any, Protocol

from .events import Events


class Engine(Protocol):
    """Rows that advance together."""

    @property
    def parameters(self) -> int | None:
        """That are trained."""
        ...

    def run(self, events: Events) -> float:
        """Advance through the events; return the seconds it took."""
        ...


def opened(job: dict[str, Any]) -> Engine:
    """Build an engine by its name; nothing of the others is imported."""
    rows = job["rows"]
    if job["engine"].startswith("Jaxley"):
        from .l5pc import Jaxley

        return Jaxley(job["cell"], rows, double=job["engine"] == "Jaxley")
    if job["engine"] == "Branch-ELM":
        from .branch_elm import Streamed

        return Streamed(rows)
    from .axosim_nets import Gru, Lite

    return Gru(rows) if job["engine"] == "AxoSim GRU" else Lite(rows)


def main() -> None:
    """Serve until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    job = json.loads(sys.stdin.readline())
    if "current_nA" in job:
        from .l5pc import step

        v = step(job["cell"], job["current_nA"], double=job["engine"] == "Jaxley")
        print(json.dumps({"v": v}), file=answers, flush=True)
        return
    engine = opened(job)
    answer: dict[str, Any] = {"parameters": engine.parameters}
    print(json.dumps(answer), file=answers, flush=True)
    t = 0
    for line in sys.stdin:
        events = Events.drawn(
            job["rows"], t, int(line), job["events_per_ms"], job["seed"]
        )
        t += events.bins
        answer = {"seconds": engine.run(events), "memory_MB": resident_MB()}
        print(json.dumps(answer), file=answers, flush=True)


def resident_MB() -> float:
    """The most memory that this process has had."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1.024e-3


if __name__ == "__main__":
    main()
