"""Cells that the project ships: their mechanisms and templates."""

from __future__ import annotations

from typing import Any

from ann_backend import paths
from ann_backend.errors import CellError
from ann_backend.nrn import h, version

_loaded: set[str] = set()


def load(name: str) -> Any:
    """Define the template of a shipped cell, so that ``h.NAME`` exists.

    Its mechanisms are compiled once, into a cache.

    Parameters
    ----------
    name : str
        For example ``"HH"``.

    Returns
    -------
    object
        The hoc template.

    Raises
    ------
    CellError
        If there is no such cell, its name is taken, or a mechanism does not compile.
    """
    file = paths.hoc_dir() / f"{name}.hoc"
    if name not in _loaded:
        shipped = sorted(p.stem for p in paths.hoc_dir().glob("[A-Z]*.hoc"))
        if name not in shipped:
            raise CellError(
                f"expected a shipped cell ({', '.join(shipped)}), got {name!r}"
            )
        if hasattr(h, name):
            raise CellError(
                f"'{name}' is already defined in NEURON: rename yours, or do not load "
                "the shipped cell"
            )
        load_mechanisms()
        if not h.load_file(str(file)):
            raise CellError(f"NEURON could not load {file}: install ann_backend again")
        _loaded.add(name)
    return getattr(h, name)


def load_mechanisms() -> None:
    """Load the project's mechanisms, compiled once, unless NEURON has them already."""
    files = sorted(paths.mod_dir().glob("*.mod"))
    present = [f.stem for f in files if hasattr(h, f.stem)]
    if len(present) == len(files):
        return
    if present:
        raise CellError(
            f"mechanisms {', '.join(present)} are already loaded from another library, "
            "the rest are not: compile all of ann_backend's mod files, or none"
        )
    if not h.nrn_load_dll(str(paths.mechanisms(files, version()))):
        raise CellError(
            "NEURON could not load ann_backend's mechanisms: clear the cache"
        )
