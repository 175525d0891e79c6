"""`python -m ann_backend COMMAND`: dispatches, prints the result, writes the JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from ann_backend.cli.text import render
from ann_backend.errors import AnnBackendError
from ann_backend.paths import refuse_unwritable

# packages that some commands need, and with which of our extras they come
EXTRAS = dict.fromkeys(("torch", "tqdm", "h5py", "sklearn"), "train")
EXTRAS["matplotlib"] = "plot"
COMMANDS = (
    "demo",
    "compare",
    "cell",
    "data",
    "train",
    "curve",
    "validate",
    "info",
    "bench",
    "models",
    "doctor",
)


def parser() -> argparse.ArgumentParser:
    """Build the parser: every module of `COMMANDS` brings its own arguments."""
    top = argparse.ArgumentParser(
        prog="python -m ann_backend",
        description="Trained ANN surrogates in place of cells in NEURON scripts.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"ann_backend.cli.{name}")
        line = (module.__doc__ or "").strip().splitlines()[0]
        command = commands.add_parser(name, help=line, description=line)
        command.add_argument(
            "--json", type=Path, metavar="PATH", help="write the result here as JSON"
        )
        module.add_arguments(command)
        text = getattr(module, "text", render)
        command.set_defaults(run=module.run, text=text)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; return the exit status (0: done, 1: no, 2: usage)."""
    args = parser().parse_args(argv)
    try:
        if args.json is not None:
            refuse_unwritable(args.json, "--json")
        result = args.run(args)
    except AnnBackendError as error:
        print(f"ann_backend {args.command}: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        print(
            f"ann_backend {args.command}: expected the package {package}, got none; "
            f'pip install "ann_backend[{EXTRAS[package]}]", in a checkout '
            f'pip install -e ".[{EXTRAS[package]}]"',
            file=sys.stderr,
        )
        return 1
    print(args.text(result))
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if result.get("ok", True) else 1


if __name__ == "__main__":
    sys.exit(main())
