"""The core's own peaks, measured: multiply-adds per second, and bytes read per second.

Beside `surrogate` in the benchmark's line, which runs this in the engine's process
after each repeat, so that both see the same clock. ``peak.c`` is compiled once.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ann_backend import paths
from ann_backend.errors import AnnBackendError

__all__ = ["Peak", "library"]

FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")
PIECE_S, PIECES = 1e-3, 9  # the best of many short pieces: a lost core is in few


def library() -> Path:
    """Compile ``peak.c``, once for each text, compiler and CPU.

    Raises
    ------
    AnnBackendError
        There is no C compiler, or it refuses.
    """
    source = Path(__file__).with_name("peak.c")
    key = hashlib.sha256(source.read_bytes() + paths.machine().encode())
    made = paths.cache_dir() / f"peak-{key.hexdigest()[:16]}.so"
    if made.exists():
        return made
    tool = shutil.which(os.environ.get("CC", "cc"))
    if tool is None:
        raise AnnBackendError("expected a C compiler as cc or $CC; install one")
    made.parent.mkdir(parents=True, exist_ok=True)
    partial = made.with_suffix(f".{os.getpid()}")
    command = [tool, *FLAGS, "-o", str(partial), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AnnBackendError(f"{tool} could not compile {source}:\n{done.stderr}")
    partial.replace(made)
    return made


class Peak:
    """Peaks of the core that this process runs on.

    Parameters
    ----------
    kB : float
        Of the array that is read.
    """

    def __init__(self, kB: float) -> None:
        self.library = ctypes.CDLL(str(library()))
        for function in (self.library.multiply_add, self.library.read_over):
            function.restype = ctypes.c_float
        self.step = int(self.library.floats_of_a_block())
        self.blocks = max(1, round(kB * 250 / self.step))
        floats = self.blocks * self.step
        whole = np.zeros(floats + 16, np.float32)
        start = -whole.ctypes.data % 64 // 4
        self.x = whole[start : start + floats]

    def gflops(self) -> float:
        """Multiply-adds, of two operations each, 1e9 operations/s."""
        a, b = ctypes.c_float(0.5), ctypes.c_float(1.0)
        call = self.library.multiply_add
        rate = _best(lambda n: call(ctypes.c_long(n), a, b), 10_000)
        return rate * 2e-9 * self.step

    def read_GB_s(self) -> float:
        """Reading an array over and over, GB/s."""
        x, blocks = ctypes.c_void_p(self.x.ctypes.data), ctypes.c_long(self.blocks)
        rate = _best(lambda n: self.library.read_over(x, blocks, ctypes.c_long(n)), 10)
        return rate * 4e-9 * len(self.x)


def _best(work: Callable[[int], object], n: int) -> float:
    """Largest rate at which something is done, in times per second."""
    rate = 0.0
    for _ in range(PIECES):
        start = time.perf_counter()
        work(n)
        took = time.perf_counter() - start
        rate = max(rate, n / took)
        n = max(1, round(rate * PIECE_S))
    return rate
