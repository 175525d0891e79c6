"""A run split in two: what the surrogates remember, in a file beside NEURON's own.

NEURON's `SaveState` keeps its cells, weights, the state of plastic connections and the
events on its queue. This file has the rest: every row's network and readout, events
between rows, and what the coupling holds of the present bin.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ann_backend import _neuron, paths
from ann_backend.errors import StateError
from ann_backend.nrn import h
from ann_backend.run import parallel, prepare

__all__ = ["load_state", "save_state"]

FORMAT, VERSION = "ann_backend state", 3
SOLVED = "call save_state where ParallelContext.psolve has just returned"
DAMAGED = "the file is damaged or was edited: save it again"

Arrays = dict[str, NDArray[Any]]


def save_state(path: str | os.PathLike[str]) -> None:
    """Write what replaced cells and populations remember to a file.

    Call it between two steps, beside ``SaveState.save`` at the same t; the order of the
    two does not matter.

    Parameters
    ----------
    path : path
        Of the file to make or to replace, whole or not at all. Of several MPI ranks
        each calls this and makes a file of its own, PATH.0, PATH.1, ...

    Raises
    ------
    StateError
        Nothing is replaced or initialized, NEURON is in the middle of a step, some row
        has inf or NaN, or the file cannot be written; of several ranks, where
        ``ParallelContext.psolve`` has not just returned: spikes are under way between
        ranks then. A file that is there stays.

    Notes
    -----
    A recording of a replaced soma's voltage is a curve only up to the last whole ms:
    save there, if the recordings are to be joined. `Population.spikes` begins anew at
    the load, as NEURON's Vectors do. Under ``use("neuron")`` nothing is in the file.
    """
    path, rank = _of_rank(path)
    _refuse_under_way(path)
    stepped = _stepped(path, "save_state")
    arrays = _named("coupling", _neuron_save(path)) if stepped else {}
    for index, group in enumerate(stepped):
        arrays |= _named(str(index), group.engine.save())
    _refuse_nan(path, arrays)
    groups = [_described(group) for group in stepped]
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION, "groups": groups}
    document["rank"] = rank
    document["t_ms"] = float(h.t)
    document["sha256"] = _digest(document, arrays)
    raw = save(arrays, {"state": json.dumps(document)})
    try:
        paths.write_whole(path, raw)
    except OSError as error:
        reason = error.strerror or str(error)
        _refuse(path, "a folder to write in", reason, "check the path")


def load_state(path: str | os.PathLike[str]) -> None:
    """Go on from a file that `save_state` wrote, in this process or another.

    The script must have made the same model and called ``finitialize`` and then
    ``SaveState.restore``, which sets t and the queue. Spikes and voltages are then
    those of the run that was not split, to the last bit, on the same backend. With
    ``BBSaveState`` they are to the digits that its file has.

    Parameters
    ----------
    path : path
        As it was given to `save_state`.

    Raises
    ------
    StateError
        If the file is missing, damaged or newer, or of other bundles, rows, gids or
        clamps, of another t, or of another of the MPI ranks or number of them. Nothing
        has changed then.
    """
    path, rank = _of_rank(path)
    document, arrays = _read(path)
    if document["rank"] != rank:
        theirs, ours = (f"rank {k} of {n}" for k, n in (document["rank"], rank))
        _refuse(path, ours, theirs, "run on as many ranks as saved it")
    stepped = _stepped(path, "load_state")
    _check_groups(path, document["groups"], stepped)
    if not stepped:
        return
    _neuron.settle()
    before = [group.engine.save() for group in stepped]
    try:
        for index, group in enumerate(stepped):
            group.engine.load(_part(arrays, str(index)))
        _neuron.load(_part(arrays, "coupling"))
    except (ValueError, RuntimeError) as error:
        for group, own in zip(stepped, before, strict=True):
            group.engine.load(own)
        raise StateError(f"{path}: {error}") from None


def _of_rank(path: str | os.PathLike[str]) -> tuple[Path, list[int]]:
    """The file of this rank, and which of how many it is."""
    rank, ranks = parallel.rank(), parallel.ranks()
    return Path(f"{os.fspath(path)}.{rank}" if ranks > 1 else path), [rank, ranks]


def _refuse_under_way(path: Path) -> None:
    if parallel.ranks() > 1 and not _neuron.exchanged():
        expected = "ranks that have exchanged their spikes, as psolve's end leaves them"
        _refuse(path, expected, f"others at t = {float(h.t):g} ms", SOLVED)


def _stepped(path: Path, verb: str) -> list[prepare.Stepped]:
    if not prepare.state.stepped and prepare.state.backend != "neuron":
        _refuse(
            path,
            "a model with replaced cells or populations, initialized",
            "none",
            f"call finitialize before {verb}",
        )
    return prepare.state.stepped


def _neuron_save(path: Path) -> Arrays:
    try:
        return _neuron.save()
    except ValueError as error:
        raise StateError(f"{path}: {error}") from None


def _refuse_nan(path: Path, arrays: Arrays) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            todo = "a run that met them cannot go on; take an earlier state"
            _refuse(path, "finite numbers", f"inf or NaN in '{name}'", todo)


def _named(part: str, arrays: Arrays) -> Arrays:
    return {f"{part}.{name}": array for name, array in arrays.items()}


def _part(arrays: Arrays, part: str) -> Arrays:
    start = f"{part}."
    return {
        name.removeprefix(start): array
        for name, array in arrays.items()
        if name.startswith(start)
    }


def _described(group: prepare.Stepped) -> dict[str, Any]:
    manifest, gids = group.bundle.manifest, group.gids
    return {
        "bundle": manifest.name,
        "sha256": manifest.manifest_sha256,
        "rows": group.rows,
        "gids": None if gids is None else [gids.start, gids.stop],
    }


def _check_groups(path: Path, saved: list[Any], stepped: list[prepare.Stepped]) -> None:
    here = [_described(group) for group in stepped]
    if saved == here:
        return
    pairs = zip(saved + [None] * len(here), here + [None] * len(saved), strict=True)
    theirs, ours = next((a, b) for a, b in pairs if a != b)
    _refuse(path, _spelled(ours), _spelled(theirs), "load the state of this very model")


def _spelled(group: dict[str, Any] | None) -> str:
    if group is None:
        return "no further cells"
    whose = "replaced cells"
    if group["gids"]:
        whose = f"rows, gids {group['gids'][0]} to {group['gids'][1] - 1},"
    return f"{group['rows']} {whose} of '{group['bundle']}' ({group['sha256'][:12]})"


def _read(path: Path) -> tuple[dict[str, Any], Arrays]:
    """The description and the arrays, checked against their hash."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        _refuse(path, "a readable file", error.strerror or str(error), "check the path")
    try:
        arrays = load(raw)
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
        document = json.loads(header.get("__metadata__", {}).get("state", "null"))
    except (SafetensorError, ValueError) as error:
        _refuse(path, "a whole safetensors file", str(error), DAMAGED)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        _refuse(path, f"a file of format '{FORMAT}'", "another", "give save_state's")
    if document.get("version") != VERSION:
        todo = "it was made by another ann_backend: upgrade, or save it again"
        _refuse(path, f"version {VERSION}", f"{document.get('version')!r}", todo)
    if document.get("sha256") != _digest(document, arrays):
        _refuse(path, "arrays that match their SHA-256", "changed ones", DAMAGED)
    return document, arrays


def _digest(document: dict[str, Any], arrays: Arrays) -> str:
    """Of everything but itself."""
    rest = {k: v for k, v in document.items() if k != "sha256"}
    sha = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        sha.update(f"{name}{array.dtype}{list(array.shape)}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def _refuse(path: Path, expected: str, got: str, todo: str) -> NoReturn:
    raise StateError(f"{path}: expected {expected}, got {got}; {todo}")
