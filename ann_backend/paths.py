"""Where files lie: mechanisms, templates, shipped bundles, and the cache.

In a wheel ``mod/`` and ``hoc/`` are inside the package; in an editable install they are
beside it. Only this module knows.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ann_backend.errors import AnnBackendError, CellError

_PACKAGE = Path(__file__).resolve().parent


def _data_dir(name: str) -> Path:
    for folder in (_PACKAGE / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"{name}/ not found in {_PACKAGE} or beside it: install ann_backend again"
    )


def write_whole(path: Path, raw: bytes) -> None:
    """Make or replace a file, whole or not at all."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(raw)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def refuse_unwritable(path: Path, name: str, suffix: str = "") -> None:
    """Refuse a file that cannot be made, before hours of work, not after them.

    Parameters
    ----------
    path : Path
        Its folder is made.
    name : str
        What the user calls it, such as ``--out``.
    suffix : str
        That it must end in.

    Raises
    ------
    AnnBackendError
    """
    if not path.name.endswith(suffix):
        raise AnnBackendError(
            f"{name}: expected a path that ends in {suffix}, got '{path}'"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise AnnBackendError(
                f"{name}: expected a file to write, got folder '{path}'"
            )
        there = path.exists()
        path.open("ab").close()
        if not there:
            path.unlink()
    except OSError as error:
        raise AnnBackendError(f"{name}: {error}; give another path") from error


def mod_dir() -> Path:
    """Folder of the mechanisms that the project ships."""
    return _data_dir("mod")


def hoc_dir() -> Path:
    """Folder of the templates that the project ships, and of ``ann_backend.hoc``."""
    return _data_dir("hoc")


def bundle_dir() -> Path:
    """Folder of the bundles that the project ships."""
    return _PACKAGE / "bundles"


def cache_dir() -> Path:
    """Folder for what is made once: ``ANN_BACKEND_CACHE``, or the user's cache."""
    chosen = os.environ.get("ANN_BACKEND_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ann_backend"


def mechanisms(
    files: list[Path], neuron_version: str, *, flags: tuple[str, ...] = ()
) -> Path:
    """Compile mechanisms with the running NEURON's nrnivmodl, once.

    Parameters
    ----------
    files : list of Path
        The ``.mod`` files.
    neuron_version : str
        Of the NEURON that will load them.
    flags : tuple of str
        For nrnivmodl. What they make may depend on the compiler and the CPU, so these
        are part of the cache's key then.

    Returns
    -------
    Path
        The library for ``h.nrn_load_dll``.

    Raises
    ------
    CellError
        If a mechanism does not compile; the message has the compiler's last lines.
    """
    key = hashlib.sha256(f"{neuron_version} {os.uname().machine}".encode())
    if flags:
        key.update(f"{flags} {machine()}".encode())
    for file in sorted(files):
        key.update(file.name.encode() + file.read_bytes())
    home = cache_dir() / f"mechanisms-{key.hexdigest()[:16]}"
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        _build(files, home, flags)
    return _library(home)


def machine() -> str:
    """What code that is compiled for this very CPU depends on."""
    return f"{_compiler()} {_cpu()}"


def _compiler() -> str:
    tool = shutil.which(os.environ.get("CXX", "g++"))
    if tool is None:
        return ""
    done = subprocess.run([tool, "--version"], capture_output=True, text=True)
    return done.stdout.partition("\n")[0]


def _cpu() -> str:
    """The CPU's model and instruction sets, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    lines = info.read_text().splitlines()
    return "\n".join(sorted({x for x in lines if x[:5] in ("model", "flags")}))


def _library(home: Path) -> Path:
    found = sorted(home.rglob("libnrnmech.*"))
    if not found:
        raise CellError(
            f"no mechanism library in {home}: delete that folder, try again"
        )
    return found[0]


def _build(files: list[Path], home: Path, flags: tuple[str, ...]) -> None:
    beside = Path(sys.executable).parent / "nrnivmodl"
    tool = str(beside) if beside.exists() else shutil.which("nrnivmodl")
    if tool is None:
        raise CellError("nrnivmodl not found: install neuron in this environment")
    # neuron.nmodl, once imported, points this at a folder without nmodl's units
    # (9.0.2); nrnivmodl finds the right one itself.
    env = {k: v for k, v in os.environ.items() if k != "NMODLHOME"}
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="build-") as scratch:
        for file in files:
            shutil.copy(file, scratch)
        done = subprocess.run(
            [tool, *flags, "."],
            cwd=scratch,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
            names = ", ".join(f.name for f in files)
            raise CellError(
                f"nrnivmodl could not compile {names}; it needs make and a C++ "
                f"compiler (Debian: apt-get install build-essential). Its last "
                f"lines:\n{tail}"
            )
        finished = Path(scratch) / "done"
        finished.mkdir()
        for made in _library(Path(scratch)).parent.glob("lib*nrnmech.*"):
            shutil.move(made, finished)
        try:
            finished.rename(home)
        except OSError:  # another process was first
            if not home.is_dir():
                raise
