"""One bundle, batched: the compiled engine for all of its cells."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

from ann_backend import _engine
from ann_backend.bundle import Bundle
from ann_backend.errors import UnsupportedError

GPU_ROWS = 256  # "auto" prefers a GPU from here on: predicted, csrc/cuda/README.md


def chosen(backend: str, rows: int) -> str:
    """What is to compute `rows` cells, ``"cpu"`` or ``"cuda"``.

    ``"auto"`` takes the GPU for large batches, and says once on stderr why it cannot.
    The driver is not touched for small ones.
    """
    if backend != "auto":
        return backend
    if rows < GPU_ROWS or not _engine.cuda_built:
        return "cpu"
    why = _engine.cuda_refusal()
    if why:
        _say_once(f"ann_backend: the CPU engine is used: {why}")
    return "cpu" if why else "cuda"


def make(bundle: Bundle, rows: int, backend: str, threads: int) -> Any:
    """An engine for `rows` cells; its ``population`` is what the coupling drives.

    With ``"auto"`` it is the CPU's where the GPU cannot take the bundle or the rows.

    Raises
    ------
    UnsupportedError
        If the backend cannot take them, there is no GPU for "cuda", or it does not
        compute what the CPU does.
    """
    picked = chosen(backend, rows)
    try:
        if picked == "cuda":
            check(bundle)
        return bundle.engine(rows, picked, threads=threads)
    except (_engine.DeviceError, _engine.InputError) as error:
        if backend != "auto" or picked == "cpu":
            raise UnsupportedError(str(error)) from None
        _say_once(f"ann_backend: the CPU engine is used: {error}")
        return bundle.engine(rows, "cpu", threads=threads)


def check(bundle: Bundle, bins: int = 30) -> None:
    """Compare the GPU with the CPU on a few bins of a bundle, in bf16 and float32.

    Raises
    ------
    UnsupportedError
        If outputs differ beyond rounding: .1, and 1e-3 in float32, of 1 + their range.
    InputError
        If bf16, which runs, has no room for a tile; float32 alone is left out then.
    """
    wanted = _sample(bundle, "cpu", "", bins)
    for variant, tolerance in (("bf16", 0.1), ("float32", 1e-3)):
        try:
            found = _sample(bundle, "cuda", variant, bins)
        except _engine.InputError:
            if variant == "bf16":
                raise
            continue
        error = np.abs(found - wanted).max()
        if not error <= tolerance * (1 + np.ptp(wanted)):
            raise UnsupportedError(
                f"backend 'cuda' ({variant}): expected the CPU's outputs of bundle "
                f"'{bundle.manifest.name}', got a difference of {error:.2g}; "
                "ann_backend.use('cpu'), and please report it with `doctor`"
            )


def _sample(bundle: Bundle, backend: str, variant: str, bins: int) -> Any:
    """Raw outputs of two rows, each channel driven in turn; row 1 half as strongly."""
    # its own spikes would make of a rounded hazard another course
    surrogate = bundle.engine(2, backend, variant=variant, feedback=False)
    weights = [float(np.mean(c.weight_uS)) for c in bundle.manifest.channels]
    outputs = []
    for t0 in range(bins):
        channel = np.full(2, t0 % len(weights), np.int32)
        weight = weights[channel[0]] * np.array([1.0, 0.5])
        surrogate.step(
            float(t0),
            np.arange(2, dtype=np.int32),
            channel,
            weight,
            np.full(2, t0 + 0.3),
        )
        outputs.append(surrogate.outputs)
    return np.array(outputs)


@cache
def _say_once(line: str) -> None:
    print(line, file=sys.stderr)
