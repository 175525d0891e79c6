"""Bundles by name, and the one that fits a cell."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from ann_backend import paths
from ann_backend.bundle import Bundle, load
from ann_backend.errors import BundleError, CellError
from ann_backend.template import differences

_registered: list[Path] = []


def register(path: str | os.PathLike[str]) -> Bundle:
    """Make a bundle known, so that `replace` finds it by fingerprint or by name.

    Parameters
    ----------
    path : path
        Of the bundle's file.

    Raises
    ------
    BundleError
        If it is not a whole bundle.
    """
    bundle = _read(Path(path).resolve())
    if Path(path).resolve() not in _registered:
        _registered.insert(0, Path(path).resolve())
    return bundle


def find(bundle: str | os.PathLike[str] | Bundle) -> Bundle:
    """A bundle by path, by name, or itself.

    Raises
    ------
    BundleError
        If there is none, or the file is not a whole bundle.
    """
    if isinstance(bundle, Bundle):
        return bundle
    if Path(bundle).suffix == ".safetensors" or os.sep in str(bundle):
        return _read(Path(bundle).resolve())
    known = _known()
    for candidate in known:
        if candidate.manifest.name == str(bundle):
            return candidate
    names = ", ".join(sorted(b.manifest.name for b in known)) or "none"
    raise BundleError(
        f"bundle '{bundle}': expected a path to a .safetensors file or a known name "
        f"({names}); train one, or register(path) it"
    )


def matching(print_: dict[str, Any], cell: Any) -> Bundle:
    """The bundle that was trained on this very cell.

    Raises
    ------
    CellError
        If there is none; the message says what differs from the nearest one.
    """
    fitting = [b for b in _known() if b.manifest.cell["digest"] == print_["digest"]]
    for bundle in fitting:
        if bundle.manifest.cell["celsius"] == print_["celsius"]:
            return bundle
    if fitting:
        return fitting[0]
    raise CellError(f"{cell}: no bundle fits this cell. {_nearest(print_)}")


def check(bundle: Bundle, print_: dict[str, Any], cell: Any) -> None:
    """Refuse a bundle that was trained on another cell, saying what differs."""
    if bundle.manifest.cell["digest"] == print_["digest"]:
        return
    lines = "\n  ".join(differences(dict(bundle.manifest.cell), print_)[:10])
    raise CellError(
        f"{cell}: bundle '{bundle.manifest.name}' was trained on another cell:\n  "
        f"{lines}\nUse the cell it was trained on, or train a bundle for this one"
    )


def _nearest(print_: dict[str, Any]) -> str:
    ranked = sorted(
        (len(lines), b.manifest.name, lines)
        for b in _known()
        for lines in [differences(dict(b.manifest.cell), print_)]
    )
    advice = "Train one: python -m ann_backend train, or give bundle=PATH"
    if not ranked:
        return f"No bundle is known. {advice}"
    _, name, lines = ranked[0]
    shown = "\n  ".join(lines[:10])
    return f"The nearest is '{name}', which differs in:\n  {shown}\n{advice}"


@lru_cache(maxsize=32)
def _load(path: Path, _modified: int) -> Bundle:
    return load(path)


def _read(path: Path) -> Bundle:
    return _load(path, path.stat().st_mtime_ns if path.exists() else 0)


def _known() -> list[Bundle]:
    shipped = sorted(paths.bundle_dir().glob("*.safetensors"))
    return [_read(p) for p in [*_registered, *shipped]]
