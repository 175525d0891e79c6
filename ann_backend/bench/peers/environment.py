"""The peers' environment: a virtual environment in the cache, made once.

First in the peers' line. Nothing of it is installed where ann_backend is.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ann_backend import paths
from ann_backend.errors import AnnBackendError

__all__ = ["PINS", "python"]

PINS = (
    "torch==2.13.0",
    "numpy==2.4.6",
    "jax==0.10.2",
    "jaxley==0.14.0",
    "axosim==0.1.0",
)


def python(say: Callable[[str], None]) -> Path:
    """Interpreter of the environment, which is made where it is not there yet.

    Parameters
    ----------
    say : callable
        Told of what takes long.

    Raises
    ------
    AnnBackendError
        It cannot be made; the message has the last lines of what failed.
    """
    key = hashlib.sha256(f"{sys.version} {PINS}".encode()).hexdigest()[:16]
    home = paths.cache_dir() / f"peers-{key}"
    made, finished = home / "bin" / "python", home / "finished"
    if not finished.exists():
        say(f"peers: {', '.join(PINS)} go into {home}, once")
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "venv", str(home)])
        _run([str(made), "-m", "pip", "install", "--quiet", *PINS])
        finished.touch()
    return made


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise AnnBackendError(
            f"the peers' environment: expected '{' '.join(command)}' to succeed; it "
            "needs Python 3.11 or later with venv (Debian: python3-venv) and a package "
            f"index within reach of pip. Its last lines:\n{tail}"
        )
