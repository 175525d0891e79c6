"""One bundle, batched: the compiled engine for all of its cells."""

from __future__ import annotations

from typing import Any

from ann_backend._engine import Engine
from ann_backend.bundle import Bundle


def make(bundle: Bundle, rows: int, backend: str, threads: int) -> Any:
    """An engine for `rows` cells; its ``population`` is what the coupling drives."""
    readout = bundle.manifest.readout.model_dump()
    return Engine(bundle.tensors, readout, backend=backend, rows=rows, threads=threads)
