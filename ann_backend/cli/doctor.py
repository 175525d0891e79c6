"""Check the installation: NEURON, compiler, cache, GPU, bundles, and a self-test."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import argparse

TIMEOUT_S = 300
# Of a run under mpirun: NEURON in a process of its own must not join it.
MPI = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "MPI_", "SLURM_")
Check = Callable[[], str]


class CheckError(Exception):
    """A check that failed: what was found, and what to do."""

    def __init__(self, found: str, todo: str) -> None:
        super().__init__(found)
        self.found, self.todo = found, todo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: there are none."""
    del parser


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Make every check; ``ok`` is whether those passed without which nothing runs.

    Returns
    -------
    dict
        ``ok``, and ``checks``: a record each with ``check``, ``state`` ("ok",
        "failed", or "absent" for what is optional), ``found`` and ``todo``.
    """
    del args
    checks = [_made(name, check, needed=True) for name, check in NEEDED.items()]
    checks += [_made(name, check, needed=False) for name, check in OPTIONAL.items()]
    return {"ok": all(c["state"] != "failed" for c in checks), "checks": checks}


def text(result: Mapping[str, Any]) -> str:
    """Lay out a line a check, and what to do below those that failed."""
    lines = []
    for c in result["checks"]:
        lines.append(f"{c['state']:7} {c['check']:18} {c['found']}")
        if c["todo"]:
            lines += [f"{'':26} {line}" for line in c["todo"].splitlines()]
    end = "all that is needed works" if result["ok"] else "something needed fails"
    return "\n".join([*lines, "", end])


def _made(name: str, check: Check, *, needed: bool) -> dict[str, Any]:
    try:
        found, state, todo = check(), "ok", None
    except CheckError as error:
        state = "failed" if needed else "absent"
        found, todo = error.found, error.todo
    return {"check": name, "state": state, "found": found, "todo": todo}


def _neuron() -> str:
    from ann_backend import _neuron
    from ann_backend.nrn import version

    running, built = version(), _neuron.built_with
    if running.split(".")[0] != built.split(".")[0]:
        raise CheckError(
            f"NEURON {running}, ann_backend was built with {built}",
            "pip install --no-build-isolation --force-reinstall ann_backend",
        )
    return f"{running}; ann_backend was built with {built}"


def _nrnivmodl() -> str:
    beside = Path(sys.executable).parent / "nrnivmodl"
    tool = str(beside) if beside.exists() else shutil.which("nrnivmodl")
    if tool is None:
        raise CheckError("not found", "pip install neuron in this environment")
    return tool


def _compiler() -> str:
    found = {name: shutil.which(name) for name in ("make", "c++")}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise CheckError(
            f"{' and '.join(missing)} not found",
            "Debian: apt-get install build-essential",
        )
    return _first_line(["c++", "--version"])


def _cache() -> str:
    from ann_backend import paths

    home = paths.cache_dir()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=home):
            pass
    except OSError as error:
        raise CheckError(
            f"{home} cannot be written: {error.strerror}",
            "set ANN_BACKEND_CACHE to a folder of yours",
        ) from error
    libraries = len(list(home.glob("mechanisms-*")))
    return f"{home}, {libraries} mechanism libraries"


def _mechanisms() -> str:
    code = "import ann_backend.run.shipped as s; s.load_mechanisms()"
    _alone(code, "the compiler's last lines are above; is a compiler installed?")
    return "the project's own compile and load"


def _bundles() -> str:
    from ann_backend import paths
    from ann_backend.bundle import load
    from ann_backend.errors import BundleError

    files = sorted(paths.bundle_dir().glob("*.safetensors"))
    try:
        names = [load(file).manifest.name for file in files]
    except BundleError as error:
        raise CheckError(str(error), "install ann_backend again") from error
    if not names:
        raise CheckError("none ships", "install ann_backend again")
    return ", ".join(names)


def _engine() -> str:
    from ann_backend import paths
    from ann_backend.bundle import load

    bundle = load(min(paths.bundle_dir().glob("*.safetensors")))
    try:
        engine = bundle.engine()
        none, never = np.empty(0, np.int32), np.empty(0)
        v, _, _ = engine.step(0.0, none, none, never, never)
    except (ArithmeticError, ValueError, KeyError) as error:
        raise CheckError(
            f"{bundle.manifest.name}: {error}", "install ann_backend again"
        ) from error
    return f"{bundle.manifest.name} steps, {v[0]:.1f} mV"


def _coupling() -> str:
    code = "import sys, ann_backend.run.selftest as t; sys.exit(t.main())"
    _alone(code, "pip install --no-build-isolation --force-reinstall ann_backend")
    return "a cell played back through the coupling equals NEURON's, bit for bit"


def _gpu() -> str:
    from ann_backend import _engine

    if shutil.which("nvidia-smi") is None:
        raise CheckError("no NVIDIA driver", "not needed: the CPU backend is used")
    query = "--query-gpu=name,driver_version,memory.total"
    card = _first_line(["nvidia-smi", query, "--format=csv,noheader"])
    built = "with" if _engine.cuda_built else "without"
    seen = len(_engine.cuda_devices()) if _engine.cuda_available() else 0
    return f"{card}; ann_backend built {built} CUDA, sees {seen} devices"


def _package(name: str, use: str) -> Check:
    def check() -> str:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise CheckError("not installed", use) from None

    return check


def _cupy() -> str:
    for found in importlib.metadata.distributions():
        if str(found.metadata["Name"]).startswith("cupy"):
            return f"{found.metadata['Name']} {found.version}"
    raise CheckError("not installed", "not needed")


def _mpi() -> str:
    if shutil.which("mpirun") is None:
        raise CheckError("mpirun not found", "for MPI, Debian: openmpi-bin")
    return _first_line(["mpirun", "--version"])


def _alone(code: str, todo: str) -> None:
    """Run Python code in a process of its own; a failure shows its last lines."""
    alone = {k: v for k, v in os.environ.items() if not k.startswith(MPI)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=alone | {"ANN_BACKEND": "auto"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise CheckError(f"not done after {TIMEOUT_S} s", todo) from error
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise CheckError("failed", f"{tail}\n{todo}")


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else f"{command[0]}: exit status {done.returncode}"


NEEDED: dict[str, Check] = {
    "NEURON": _neuron,
    "nrnivmodl": _nrnivmodl,
    "compiler": _compiler,
    "cache": _cache,
    "bundles": _bundles,
    "engine": _engine,
    "mechanisms": _mechanisms,
    "coupling": _coupling,
}
OPTIONAL: dict[str, Check] = {
    "GPU": _gpu,
    "torch": _package("torch", "to train: pip install 'ann_backend[train]'"),
    "cupy": _cupy,
    "matplotlib": _package("matplotlib", "figures: pip install 'ann_backend[plot]'"),
    "MPI": _mpi,
}
