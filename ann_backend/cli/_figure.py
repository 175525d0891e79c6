"""A figure where matplotlib is there to draw it, else a line that says why not."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def drawn(module: str, function: str, *args: Any) -> str | None:
    """Call a drawing function of a module that imports matplotlib; return its path."""
    try:
        draw = getattr(importlib.import_module(module), function)
    except ImportError as error:
        print(
            f"no figure: {error}; pip install 'ann_backend[plot]' draws it",
            file=sys.stderr,
        )
        return None
    return str(draw(*args))
