"""The compiled engine: csrc/bindings.cpp. Knows no NEURON."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

cuda_built: bool
cpu_variants: list[str]  # that this machine can run, fastest first
cuda_variants: list[str]  # that this build has
cuda_host_variants: list[str]  # the CUDA step executed on the CPU, for tests

class InputError(ValueError): ...
class DeviceError(RuntimeError): ...
class NonFiniteError(ArithmeticError): ...

def on_host(array: Any) -> Any: ...  # a NumPy copy, if it is on a GPU
def cuda_available() -> bool: ...
def cuda_refusal() -> str: ...
def cuda_devices() -> list[dict[str, Any]]: ...

class DeviceArray:
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...

class Engine:
    def __init__(
        self,
        tensors: Mapping[str, npt.NDArray[np.float32]],
        readout: Mapping[str, float],
        backend: str = "cpu",
        rows: int = 1,
        threads: int = 1,
        variant: str = "",  # one of the lists above; empty: the fastest
        parents: Sequence[int] = (),  # of each branch, -1 for the root; empty: no tree
        feedback: bool = False,  # the embedding's last row is of the row's own spikes
    ) -> None: ...
    def step(
        self,
        t0: float,
        row: npt.NDArray[np.int32],
        channel: npt.NDArray[np.int32],
        weight: npt.NDArray[np.float64],
        t: npt.NDArray[np.float64],
    ) -> tuple[
        npt.NDArray[np.float64], npt.NDArray[np.int32], npt.NDArray[np.float64]
    ]: ...
    def connect(
        self,
        source: npt.NDArray[np.int32],
        target: Engine,
        row: npt.NDArray[np.int32],
        channel: npt.NDArray[np.int32],
        weight: npt.NDArray[np.float32],
        delay: npt.NDArray[np.float32],
        U: float = 0.0,
        tau_rec: float = 0.0,  # ms
        tau_fac: float = 0.0,  # ms
    ) -> None: ...
    def play(
        self,
        row: npt.NDArray[np.int32],
        channel: npt.NDArray[np.int32],
        weight: npt.NDArray[np.float64],
        t: npt.NDArray[np.float64],
    ) -> None: ...
    @property
    def connections(self) -> int: ...
    def save(self) -> dict[str, npt.NDArray[Any]]: ...
    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None: ...
    def resize(self, rows: int) -> None: ...
    def reset(self) -> None: ...
    @property
    def rows(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def outputs(self) -> npt.NDArray[np.float32]: ...
    def on_device(self, name: str) -> DeviceArray: ...  # csrc/cuda/arrays.h
    @property
    def population(self) -> object: ...
