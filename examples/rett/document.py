"""A file of results: what they were made with, and what was computed so far.

Beside `map.py` and `compare.py`: a command that was killed goes on from its file, and
refuses one that was made with anything else.
"""

import json

import network

from ann_backend import paths

FIXED = int, float, tuple, dict


def constants(name):
    """All that the networks of a cell have in common, as JSON has it."""
    study = {
        k: v
        for k, v in vars(network).items()
        if k[0].isupper() and k not in ("CELLS", "SHIPPED") and isinstance(v, FIXED)
    }
    cell = {f"cell.{k}": v for k, v in vars(network.SHIPPED[name]).items()}
    return json.loads(json.dumps({**study, **cell}))


def begun(path, kind, version, settings):
    """Read what a file has already.

    Parameters
    ----------
    path : Path
    kind, version : str, int
        What its first line has to say.
    settings : dict
        What its results must have been made with; it may name others.

    Returns
    -------
    dict
        Empty where there is no file.

    Raises
    ------
    SystemExit
        If it is of another kind or version, or has other settings.
    """
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
    except ValueError:
        found = None
    known = isinstance(found, dict) and found.get("format") == kind
    if not known or found["version"] != version:
        raise SystemExit(
            f"{path}: expected a {kind} of version {version}; give another file"
        )
    for name, value in settings.items():
        if found["settings"].get(name) != value:
            raise SystemExit(
                f"{path}: expected {name} = {value}, got a {kind} with "
                f"{found['settings'].get(name)}: give its settings, or another file"
            )
    return found


def write(path, kind, version, settings, **results):
    """Make or replace a file, whole or not at all."""
    found = {"format": kind, "version": version, "settings": settings, **results}
    paths.write_whole(path, json.dumps(found).encode())


def folder(path):
    """Refuse a file whose folder is not there, before anything is computed.

    Raises
    ------
    SystemExit
    """
    if not path.resolve().parent.is_dir():
        raise SystemExit(f"{path}: expected a folder to write in; make it first")
