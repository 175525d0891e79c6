"""Runs a user's script in a fresh process on one backend and loads what it recorded."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ann_backend.errors import AnnBackendError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAST_LINES = 20


class ScriptError(AnnBackendError):
    """The user's script cannot be compared: missing, failing, or replacing nothing."""


@dataclass(frozen=True)
class Run:
    """What one backend made of the script; cells in the order of `replace`."""

    backend: str
    names: list[str]
    spikes: list[NDArray[np.float64]]  # ms, one array a cell
    t: NDArray[np.float64]  # [T] ms, every step
    vm: NDArray[np.float32]  # [first cells, T] mV
    threshold_mV: float
    clip_mV: float
    biological_s: float
    setup_s: float
    run_s: float


def run_script(script: Path, args: list[str], backend: str) -> Run:
    """Run `script` with ``ANN_BACKEND=backend`` in a process of its own.

    What the script prints is passed on to stderr, marked with the backend.

    Raises
    ------
    ScriptError
        The script is missing, fails, replaces no cell or never runs; the message
        ends with the script's own last lines.
    """
    if not script.is_file():
        raise ScriptError(
            f"expected a Python or hoc script, got {str(script)!r}, which is no file: "
            "give the path of the script as the first argument"
        )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run.npz"
        status, tail = _spawn(out, script.resolve(), args, backend)
        if status != 0 or not out.is_file():
            raise ScriptError(
                f"{script} failed with backend {backend!r} (exit status {status}); "
                "make it run with plain python or nrniv first. Its last lines:\n" + tail
            )
        return _load(out, script, backend)


def _spawn(out: Path, script: Path, args: list[str], backend: str) -> tuple[int, str]:
    launched = str(time.time())
    command = [sys.executable, "-m", "ann_backend.cli._child"]
    with subprocess.Popen(
        [*command, str(out), launched, str(script), *args],
        env={**os.environ, "ANN_BACKEND": backend, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        lines: deque[str] = deque(maxlen=LAST_LINES)
        for line in process.stdout:
            lines.append(line)
            print(f"[{backend}] {line}", end="", file=sys.stderr, flush=True)
    return process.returncode, "".join(lines)


def _load(path: Path, script: Path, backend: str) -> Run:
    with np.load(path) as data:
        names = [str(name) for name in data["names"]]
        if not names:
            raise ScriptError(
                f"{script} replaced no cell: expected at least one call of "
                "ann_backend.replace(...), or ann_replace(...) in hoc, before it runs"
            )
        if not data["biological_s"] > 0:
            raise ScriptError(
                f"{script} took no time step: expected a run, by h.run(), "
                "h.continuerun(), fadvance() or pc.psolve() after finitialize()"
            )
        return Run(
            backend=backend,
            names=names,
            spikes=np.split(data["spike_t"], np.cumsum(data["spike_count"])[:-1]),
            t=data["t"],
            vm=data["vm"],
            threshold_mV=float(data["threshold_mV"]),
            clip_mV=float(data["clip_mV"]),
            # Sums of dt miss the round figure by a few 1e-12.
            biological_s=round(float(data["biological_s"]), 9),
            setup_s=float(data["setup_s"]),
            run_s=float(data["run_s"]),
        )
