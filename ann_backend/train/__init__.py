"""The training line: a biophysical cell in, a bundle out.

In order: `cell`, `sampling`, `teacher`, `dataset`, `model`, `fit`, `export`,
`validate`; `pipeline` runs them all. Importing this package imports no torch.
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
