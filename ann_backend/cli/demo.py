"""Compare both backends on a shipped script: eight L5PC cells, two seconds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

SCRIPT = Path(__file__).with_name("demo_script.py")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the figure's path, the only thing to choose."""
    parser.add_argument(
        "--figure", type=Path, default=Path("ann_backend_demo.png"), metavar="PNG"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Run `demo_script.py` with NEURON and with the surrogate; see `compare`."""
    from ann_backend.cli.compare import compare

    return compare(SCRIPT, [], backend="auto", figure=args.figure)
