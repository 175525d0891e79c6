"""A bundle: weights and manifest in one safetensors file, whole or refused.

The tensors' hash covers names, shapes and bytes; the manifest's covers the manifest;
the header has one spelling. So no byte of the file can change unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError
from safetensors import SafetensorError, deserialize

from ann_backend.errors import BundleError
from ann_backend.manifest import (
    FORMAT,
    VERSION,
    Channel,
    Manifest,
    Readout,
    Sizes,
    Synapse,
    Training,
    canonical,
    digest,
    tensor_shapes,
)
from ann_backend.paths import write_whole

if TYPE_CHECKING:
    from ann_backend._engine import Engine

__all__ = [
    "Bundle",
    "Channel",
    "Manifest",
    "Readout",
    "Sizes",
    "Synapse",
    "Training",
    "load",
    "save",
]

KEY = "ann_backend"  # of the manifest in the file's metadata
DAMAGED = "the file is damaged or was edited: get it again, or train it again"

Tensors = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Bundle:
    """A trained surrogate.

    Attributes
    ----------
    manifest : Manifest
        What it was trained on, its sizes, readout and measured fidelity.
    tensors : dict of str to ndarray
        float32, C order, read-only; shapes as in `manifest.tensor_shapes`.
    """

    manifest: Manifest
    tensors: dict[str, npt.NDArray[np.float32]]

    def engine(self, rows: int = 1, backend: str = "cpu", **options: Any) -> Engine:
        """A compiled engine for so many cells; options as `_engine.Engine` has them."""
        from ann_backend._engine import Engine

        readout, sizes = self.manifest.readout.model_dump(), self.manifest.sizes
        given = {"parents": sizes.parents, "feedback": sizes.feedback, **options}
        return Engine(self.tensors, readout, backend, rows, **given)


def load(path: str | os.PathLike[str]) -> Bundle:
    """Read and check a bundle.

    Raises
    ------
    BundleError
        If the file is missing, foreign, newer, damaged or edited.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        _refuse(path, "a readable bundle file", reason, "check the path")
    return _parse(raw, path)


def save(path: str | os.PathLike[str], manifest: Manifest, tensors: Tensors) -> Path:
    """Write a bundle, whole or not at all; the hashes are filled in.

    Parameters
    ----------
    path : path
        Of the file to make or to replace.
    manifest : Manifest
        Its two hashes are ignored.
    tensors : dict of str to ndarray
        float32, with the shapes that ``manifest.sizes`` declares, and ``ap`` [A].

    Raises
    ------
    BundleError
        If manifest and tensors do not fit each other.
    """
    path = Path(path)
    arrays = {
        name: np.ascontiguousarray(tensor) for name, tensor in sorted(tensors.items())
    }
    _check_tensors(manifest, arrays, path)
    document = manifest.model_dump()
    document["tensors_sha256"] = _hash(arrays)
    try:
        document["manifest_sha256"] = digest(document)
    except ValueError as error:
        _refuse(
            path, "a manifest of finite numbers", str(error), "correct the manifest"
        )
    raw = _header(canonical(document), arrays)
    raw += b"".join(array.tobytes() for array in arrays.values())
    _parse(raw, path)
    write_whole(path, raw)
    return path


def _parse(raw: bytes, path: str | os.PathLike[str]) -> Bundle:
    text, tensors = _split(raw, path)
    manifest = _read_manifest(text, path)
    _check_tensors(manifest, tensors, path)
    found = _hash(tensors)
    if found != manifest.tensors_sha256:
        wanted = f"tensors with SHA-256 {manifest.tensors_sha256[:12]}..."
        _refuse(path, wanted, f"{found[:12]}...", DAMAGED)
    if not raw.startswith(_header(text, tensors)):
        _refuse(path, "a header that ann_backend wrote", "another spelling", DAMAGED)
    return Bundle(manifest, tensors)


def _split(
    raw: bytes, path: str | os.PathLike[str]
) -> tuple[str, dict[str, npt.NDArray[np.float32]]]:
    """The manifest's text and the tensors, views of ``raw``."""
    try:
        # Checks the header against itself and against the file's length.
        deserialize(raw)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        _refuse(path, "a whole safetensors file", str(error), DAMAGED)
    start = 8 + int.from_bytes(raw[:8], "little")
    header: dict[str, Any] = json.loads(raw[8:start])
    text = header.pop("__metadata__", {}).get(KEY)
    if text is None:
        _refuse(
            path,
            f"the metadata key '{KEY}'",
            "a safetensors file without it",
            "give a file made by `python -m ann_backend train`",
        )
    tensors = {}
    for name, entry in sorted(header.items()):
        if entry["dtype"] != "F32":
            _refuse(path, f"float32 for tensor '{name}'", entry["dtype"], DAMAGED)
        first, end = entry["data_offsets"]
        flat = np.frombuffer(raw[start + first : start + end], "<f4")
        tensors[name] = flat.reshape(entry["shape"])
    return text, tensors


def _read_manifest(text: str, path: str | os.PathLike[str]) -> Manifest:
    """The manifest, after its format, version, hash and schema were checked."""
    try:
        document = json.loads(text)
    except ValueError as error:
        _refuse(path, "a manifest in JSON", str(error), DAMAGED)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        _refuse(path, f"a manifest of format '{FORMAT}'", text[:60], "give a bundle")
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        todo = "train it again, or use the ann_backend that made it"
        if type(version) is int and version > VERSION:
            todo = "it was made by a newer ann_backend: upgrade"
        _refuse(path, f"bundle version {VERSION}", f"version {version!r}", todo)
    try:
        intact = canonical(document) == text
        intact = intact and digest(document) == document.get("manifest_sha256")
    except ValueError:  # a number that is not finite
        intact = False
    if not intact:
        _refuse(path, "a manifest that matches its SHA-256", "a changed one", DAMAGED)
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()
        )
        _refuse(path, "a complete manifest", problems, "train or export it again")


def _check_tensors(
    manifest: Manifest, tensors: Tensors, path: str | os.PathLike[str]
) -> None:
    """Refuse tensors that the engine could not run."""
    shapes = tensor_shapes(manifest.sizes)
    names = [*sorted([*shapes, "ap"])]
    if sorted(tensors) != names:
        odd = sorted(set(names) ^ set(tensors))
        _refuse(path, f"the tensors {names}", f"missing or extra {odd}", "export again")
    if len(manifest.channels) != manifest.sizes.channels:
        wanted = f"{manifest.sizes.channels} channels, as sizes says"
        _refuse(path, wanted, str(len(manifest.channels)), "export again")
    for name, tensor in tensors.items():
        shape = shapes.get(name, (tensor.size,))
        if tensor.shape != shape or tensor.dtype != np.float32:
            wanted = f"float32 {shape} for tensor '{name}'"
            got = f"{tensor.dtype} {tensor.shape}"
            _refuse(path, wanted, got, "export again")
        if not np.isfinite(tensor).all():
            _refuse(path, f"finite values in '{name}'", "inf or NaN", "train again")
    for wanted, values, fine in _bounds(tensors):
        if not fine.all():
            _refuse(path, wanted, str(values[~fine][0]), "train again")


def _bounds(
    tensors: Tensors,
) -> Iterator[tuple[str, npt.NDArray[np.float32], npt.NDArray[np.bool_]]]:
    """What is wanted of some values, they, and which of them are so."""
    tau = tensors["tau"]
    yield "time constants above 0 ms in 'tau'", tau, tau > 0
    if "cable" not in tensors:
        return
    rate, (kept, own, axial, _) = tensors["gate"][2], tensors["cable"]
    yield "rates above 0 and up to 1 in 'gate'[2]", rate, (rate > 0) & (rate <= 1)
    yield "charges of 0 or more in 'cable'[0]", kept, kept >= 0
    yield "conductances above 0 in 'cable'[1]", own, own > 0
    yield "axial conductances of 0 or more in 'cable'[2]", axial, axial >= 0
    yield "no axial conductance of the root in 'cable'[2]", axial[:1], axial[:1] == 0


def _hash(tensors: Tensors) -> str:
    """SHA-256 over name, shape and bytes of the tensors in sorted order."""
    sha = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name}{list(tensor.shape)}".encode())
        sha.update(tensor.astype("<f4", copy=False).tobytes())
    return sha.hexdigest()


def _header(text: str, tensors: Tensors) -> bytes:
    """Length and header of the safetensors file, in the one spelling accepted."""
    entries: dict[str, Any] = {"__metadata__": {KEY: text}}
    end = 0
    for name, tensor in sorted(tensors.items()):
        first, end = end, end + tensor.nbytes
        entries[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [first, end],
        }
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header


def _refuse(
    path: str | os.PathLike[str], expected: str, got: str, todo: str
) -> NoReturn:
    raise BundleError(f"{os.fspath(path)}: expected {expected}, got {got}; {todo}")
