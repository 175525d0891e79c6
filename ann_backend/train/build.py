"""Builds a described cell in this process: mechanisms, template, instance.

Used by `resolve` and by the teacher, always in a process of their own: the fast
mechanisms flush denormals in the whole process that loads them.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ann_backend import paths, template
from ann_backend.errors import CellError
from ann_backend.nrn import h, version
from ann_backend.train.cell import CellDescription

__all__ = [
    "FAST",
    "apart",
    "fingerprint",
    "instance",
    "library",
    "load",
    "mod_files",
    "workers",
]

# vector exp and pow; 2e-9 mV from stock NEURON
FAST = (
    "-coreneuron",
    "-incflags",
    "-O3 -march=native -ffast-math",
    "-loadflags",
    "-lmvec -lm",
)

_loaded: set[Path] = set()
Found = TypeVar("Found")


def workers(count: int) -> concurrent.futures.ProcessPoolExecutor:
    """New processes to work in, which end when this one does, however it ends."""
    return concurrent.futures.ProcessPoolExecutor(
        count, multiprocessing.get_context("spawn"), _end_with_parent
    )


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        watch = threading.Thread(target=_watch, args=(parent.sentinel,), daemon=True)
        watch.start()


def _watch(parent: int) -> None:
    multiprocessing.connection.wait([parent])
    os._exit(1)


def apart(make: Callable[..., Found], *given: object) -> Found:
    """Call a function of a module in a new process, and return what it returns."""
    with workers(1) as pool:
        return pool.submit(make, *given).result()


def mod_files(cell: CellDescription) -> list[Path]:
    """Mechanisms of a cell: those it names, and the shipped ones of its channels."""
    files = [paths.mod_dir() / name for name in cell.mod_files]
    known = {file.stem for file in files}
    used = {s[0] for c in cell.channels for s in c.synapses} - known
    shipped = [paths.mod_dir() / f"{name}.mod" for name in sorted(used)]
    return files + [file for file in shipped if file.exists()]


def library(cell: CellDescription, *, fast: bool) -> Path | None:
    """Compile a cell's mechanisms, once; None where it has none.

    Raises
    ------
    CellError
        A file is missing, or does not compile.
    """
    files = mod_files(cell)
    if missing := [str(file) for file in files if not file.is_file()]:
        raise CellError(
            f"{cell.name}: expected its mechanisms at {', '.join(missing)}; give "
            "mod_files as paths, or as names of ones that ship"
        )
    if not files:
        return None
    return paths.mechanisms(files, version(), flags=FAST if fast else ())


def load(cell: CellDescription, *, fast: bool) -> None:
    """Load a cell's mechanisms and its template into this process."""
    made = library(cell, fast=fast)
    if made is not None and made not in _loaded:
        if fast:
            os.environ["CORENEURONLIB"] = str(made.with_name("libcorenrnmech.so"))
        h.nrn_load_dll(str(made))
        _loaded.add(made)
    if cell.hoc_file is not None and not hasattr(h, cell.template):
        hoc = paths.hoc_dir() / cell.hoc_file
        if not hoc.is_file() or not h.load_file(1, str(hoc)):
            raise CellError(
                f"{cell.name}: expected a hoc file that loads at {hoc}; give hoc_file "
                "as a path, or as the name of one that ships"
            )


def instance(cell: CellDescription) -> Any:
    """Build one cell.

    Raises
    ------
    CellError
        There is no such template, it does not build, or what it builds has no soma.
    """
    make = _factory(cell)
    try:
        one = make(*cell.arguments)
    except Exception as error:
        raise CellError(
            f"{cell.name}: expected {cell.template}{cell.arguments!r} to build a cell, "
            f"got {type(error).__name__}: {error}; build it in a script first"
        ) from error
    template.soma(one)
    return one


def fingerprint(cell: CellDescription, one: Any) -> dict[str, Any]:
    """Fingerprint of a cell that was built, at its temperature.

    Raises
    ------
    CellError
        It is not the one that `resolve` saw.
    """
    h.celsius = cell.celsius
    found = template.fingerprint(one, cell.v_init_mV, cell.celsius)
    if cell.digest not in ("", found["digest"]):
        raise CellError(
            f"{cell.name}: expected the cell that resolve() saw, digest "
            f"{cell.digest[:12]}, got {found['digest'][:12]}; the template has changed "
            "since, or builds another cell each time: fix what is random in it"
        )
    return found


def _factory(cell: CellDescription) -> Callable[..., Any]:
    module, _, attribute = cell.template.partition(":")
    try:
        if attribute:
            return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]
        return getattr(h, module)  # type: ignore[no-any-return]
    except (ImportError, AttributeError, LookupError) as error:
        raise CellError(
            f"{cell.name}: expected a hoc template or 'module:attribute', got "
            f"'{cell.template}' ({error}); give hoc_file, or a module that imports"
        ) from error
