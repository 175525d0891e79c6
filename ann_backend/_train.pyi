"""What training needs beside torch, compiled: csrc/train/bindings.cpp."""

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float32]

def forward(
    parents: npt.NDArray[np.int32],
    gate: _Floats,
    reversal: _Floats,
    cable: _Floats,
    u: _Floats,
    v0: _Floats,
    q0: _Floats,
) -> tuple[_Floats, _Floats, _Floats, _Floats]: ...
def backward(
    parents: npt.NDArray[np.int32],
    gate: _Floats,
    reversal: _Floats,
    cable: _Floats,
    u: _Floats,
    v0: _Floats,
    q0: _Floats,
    course: tuple[_Floats, _Floats, _Floats, _Floats],
    of_v: _Floats,
) -> tuple[_Floats, _Floats, _Floats, _Floats]: ...
def leak(
    x: _Floats, before: _Floats, decay: _Floats, y: _Floats, backwards: bool
) -> None: ...
