"""Chooses what runs a cell: CoreNEURON with vector instructions, or stock NEURON.

Beside the teacher in the training line. A cell goes to CoreNEURON if its mechanisms
translate, and if a short run agrees with the same run in NEURON.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import re
import warnings

import numpy as np

from ann_backend.errors import ApproximationWarning, CellError
from ann_backend.nrn import version
from ann_backend.train import build
from ann_backend.train.cell import CellDescription
from ann_backend.train.teacher import Copies, Trial, simulate

__all__ = ["Teacher", "choose", "statements"]

TRIAL_MS = 40
AGREEMENT_MV = 1e-3


@dataclasses.dataclass(frozen=True)
class Teacher:
    """What runs the cell, and a hash of its mechanisms' statements."""

    fast: bool
    name: str
    mechanisms_sha256: str


def choose(cell: CellDescription) -> Teacher:
    """Choose CoreNEURON if it runs the cell as NEURON does; compile what is needed.

    Parameters
    ----------
    cell : CellDescription
        Resolved.

    Warns
    -----
    ApproximationWarning
        CoreNEURON refuses the cell, or disagrees; NEURON is slower, not less exact.
    """
    reason = _refusal(cell)
    if reason:
        warnings.warn(
            f"{cell.name}: CoreNEURON does not run this cell ({reason}); NEURON does, "
            "with the same step and method, at about a third of the speed",
            ApproximationWarning,
            stacklevel=2,
        )
    kind = "NEURON" if reason else "CoreNEURON"
    return Teacher(not reason, f"{kind} {version()}", statements(cell))


def _refusal(cell: CellDescription) -> str:
    """Why CoreNEURON cannot be the teacher; empty if it can."""
    try:
        build.library(cell, fast=True)
    except CellError as error:
        build.library(cell, fast=False)  # where this fails too, the cell is at fault
        lines = str(error).splitlines()
        # nrnivmodl's own traceback comes last, and says only that make failed
        found = [x.strip() for x in lines if re.search(r"error|what\(\)", x, re.I)]
        return "; ".join(found[:3] or lines[:1])
    stock = _probe(cell, False)
    try:
        fast = _probe(cell, True)
    except concurrent.futures.process.BrokenProcessPool:
        return "it ends the process"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    off = float(np.abs(stock.v - fast.v).max())
    return "" if off < AGREEMENT_MV else f"it is {off:.3g} mV off after {TRIAL_MS} ms"


def _probe(cell: CellDescription, fast: bool) -> Trial:
    """Run one short trial in a process of its own."""
    return build.apart(_short, cell, fast)


def _short(cell: CellDescription, fast: bool) -> Trial:
    copies = Copies(cell, 1, fast=fast)
    drives = [np.full(1, 4.0)]
    (trial,) = simulate(
        copies, [0], duration_ms=TRIAL_MS, dt_ms=cell.dt_ms, drives=drives
    )
    return trial


def statements(cell: CellDescription) -> str:
    """Hash of the mechanisms without comments and spaces."""
    sha = hashlib.sha256()
    for file in sorted(build.mod_files(cell)):
        text = re.sub(r"(?s)\bCOMMENT\b.*?\bENDCOMMENT\b", "", file.read_text())
        text = re.sub(r"(?m)^TITLE.*$|[:?].*$", "", text)
        sha.update("".join(text.split()).encode())
    return sha.hexdigest()
