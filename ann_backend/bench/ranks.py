"""How a network of replaced cells scales over MPI ranks, one thread each.

Beside `turns` in the benchmark's line: each number of ranks is a run of ``mpiexec``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from statistics import median
from typing import Any

from ann_backend.bench.measure import Effort
from ann_backend.bench.scaling import CORES
from ann_backend.bench.turns import Network, Say
from ann_backend.errors import AnnBackendError

__all__ = ["ranks"]


def ranks(
    name: str, network: Network, effort: Effort, say: Say
) -> list[dict[str, Any]]:
    """Seconds of a biological second on 1, 2, 4 ... ranks, as many as there are cores.

    Parameters
    ----------
    name : str
        Of a cell that ships, and of its bundle.
    network : Network
        Its rows are all cells ("strong"), or those of each rank ("weak").
    effort : Effort
        Its repeats.
    say : callable
        Told of what goes on.

    Returns
    -------
    list of dict
        ``efficiency``: of n ranks 1 where strong scaling takes 1 / n of the time of one
        rank, and weak scaling the same; ``spikes``: a digest of all of them, the same
        for the same cells.
    """
    rows: list[dict[str, Any]] = []
    for scaling in ("strong", "weak"):
        one = None
        for n in CORES:
            whole = network.rows * (n if scaling == "weak" else 1)
            row = {"scaling": scaling, "cell": name, "cells": whole, "ranks": n}
            say(f"ranks, {scaling}: {whole:,} cells {name} on {n}")
            try:
                found = _mpiexec(n, [name, whole, network.bins, effort.repeats])
            except AnnBackendError as error:
                rows.append(row | {"note": str(error)})
                break  # more ranks have nothing to be held against
            took = [s * 1e3 / network.bins for s in found.pop("seconds")]
            row |= {"s_per_s": median(took), "s_min": min(took), "s_max": max(took)}
            one = one or row["s_per_s"]
            times = one / row["s_per_s"]
            row["efficiency"] = times / n if scaling == "strong" else times
            rows.append(row | found)
    return rows


def _mpiexec(n: int, arguments: list[Any]) -> dict[str, Any]:
    """Run `rank` on n ranks; what its first one prints."""
    if shutil.which("mpiexec") is None:
        raise AnnBackendError("expected an MPI's mpiexec; install one, such as openmpi")
    command = ["mpiexec", "-n", str(n), sys.executable, "-m", "ann_backend.bench.rank"]
    command += map(str, arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        said = (done.stderr or done.stdout).strip().splitlines()
        why = next((x for x in said if x.strip("- ")), "it said nothing")
        raise AnnBackendError(f"mpiexec ended with {done.returncode}: {why}")
    return dict(json.loads(lines[-1]))
