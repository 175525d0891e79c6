"""The training line: a biophysical cell in, a bundle out.

Stages in order, each with what stands beside it; `pipeline` runs them all:

=========== ==========================================================================
`cell`      what is told about a cell
`resolve`   its channels and branches, spelled out; `build` makes the cell
`sampling`  draws a trial's `plan`; `events`, `places` and `stream` draw its input
`teacher`   the cells, stepped; `engine` chooses CoreNEURON or NEURON, `steer` the
            drive, `trial` keeps what came out
`dataset`   trials on disk; `shard`, as arrays
`model`     the network in torch, of a `shape`, on `input`; `groups` of channels, a
            `tree` of branches, which begins as the cell's `cable`, and an `axon`;
            `measure`, `clamp` and `intrinsic` find that cable; `tensors`, as a bundle
            has it
`fit`       training; `loss`, `muon`, `checkpoint`, `listen`, `calibrate`
`export`    the rest of the bundle
`validate`  how good it is; `evidence` gathers what it is held against (`stock`,
            `network`), `free_run` runs it, `tally`, `breakdown`, `waveform`, `drift`
            and `details` compare; `curve` does so for more and more data
=========== ==========================================================================

Importing this package imports no torch.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ann_backend.train.cell import CellDescription, ChannelDescription

if TYPE_CHECKING:
    from ann_backend.train.pipeline import train

__all__ = ["CellDescription", "ChannelDescription", "train"]


def __getattr__(name: str) -> object:
    if name == "train":
        from ann_backend.train.pipeline import train

        return train
    raise AttributeError(f"module 'ann_backend.train' has no attribute '{name}'")


class _Verb(types.ModuleType):
    """Lets `ann_backend.train(...)` be the verb, though this package has its name."""

    def __call__(self, *args: Any, **options: Any) -> Path:
        from ann_backend.train.pipeline import train

        return train(*args, **options)


sys.modules[__name__].__class__ = _Verb
