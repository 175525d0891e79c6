"""List the bundles: those that ship, and files that are named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

HEADLINE = ("auc", "f1_2ms", "vm_rmse_mV", "variance_explained", "rate_error")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="bundles of yours, as `ann_backend.register` takes them",
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """List them; a file that ships and is damaged is listed with what is wrong.

    Raises
    ------
    BundleError
        A named file is not a whole bundle.
    """
    from ann_backend import paths
    from ann_backend.bundle import load

    for file in args.files:
        load(file)
    shipped = sorted(paths.bundle_dir().glob("*.safetensors"))
    rows = [_row(file, "registered") for file in args.files]
    return {"models": [*rows, *(_row(file, "shipped") for file in shipped)]}


def text(result: Mapping[str, Any]) -> str:
    """Lay out a table, the fingerprints cut short."""
    from ann_backend.cli.text import render

    rows = [
        {**row, "cell": (row["cell"] or "-")[:12], "file": Path(row["file"]).name}
        for row in result["models"]
    ]
    return render({"models": rows}) if rows else "no bundle ships or was named"


def _row(file: Path, origin: str) -> dict[str, Any]:
    from ann_backend.bundle import load
    from ann_backend.errors import BundleError

    row: dict[str, Any] = {
        "name": file.stem,
        "origin": origin,
        "cell": None,
        "file": str(file),
        "kB": round(file.stat().st_size / 1000, 1),
        "channels": None,
        "parameters": None,
        **dict.fromkeys(HEADLINE),
        "error": None,
    }
    try:
        bundle = load(file)
    except BundleError as error:
        return row | {"error": str(error)}
    manifest = bundle.manifest
    return row | {
        "name": manifest.name,
        "cell": manifest.cell["digest"],
        "channels": manifest.sizes.channels,
        "parameters": sum(x.size for x in bundle.tensors.values()),
        **{key: manifest.fidelity.get(key) for key in HEADLINE},
    }
