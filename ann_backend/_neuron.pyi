"""The coupling to NEURON, compiled from csrc/neuron/."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

built_with: str
probe_record_id: int
probe_sample_dt: float

class CellHandle:
    def __init__(
        self, root: int, soma: int, locations: list[tuple[int, float]]
    ) -> None: ...
    @property
    def alive(self) -> bool: ...
    @property
    def changed(self) -> bool: ...

class CallbackPopulation:
    def __init__(
        self,
        function: Callable[..., Any],
        rows: int,
        channels: int,
        threshold: float,
        waveform: tuple[float, float, float, list[float]],
    ) -> None: ...
    @property
    def launches(self) -> list[tuple[float, float]]: ...  # t0, NEURON's t then, ms

class Stranger:
    mechanism: str
    object: str
    section: str
    cell: int

class Counts:
    sections: int
    synapses: int
    netcons: int
    sources: int
    recordings: int
    counters: int
    extracellular: int
    counters_off: int
    sources_off_soma: int
    thresholds: int
    short_delays: int
    outside_weights: int
    recordings_stale: int
    lateness: float

class Prepared:
    counts: list[Counts]
    strangers: list[Stranger]
    fault: str
    nodes_before: int
    nodes_after: int

class Input:
    cell: int
    channel: int
    object: str

def accessed_section() -> int: ...
def set_up_structure() -> None: ...
def calibrate() -> bool: ...
def prepare(groups: list[Any], anchor: int) -> Prepared: ...
def allow_fan_out(on: bool) -> None: ...
def retire() -> None: ...
def mapped_inputs() -> list[Input]: ...
def loads() -> list[tuple[int, int, int, int]]: ...
def is_listed(section: int) -> bool: ...
def stepped() -> float: ...
def settle() -> None: ...
def sent(group: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]: ...
def voltages(group: int) -> npt.NDArray[np.float64]: ...
def save() -> dict[str, npt.NDArray[Any]]: ...
def load(arrays: dict[str, npt.NDArray[Any]]) -> None: ...
def features() -> dict[str, Any]: ...
def start_voltage() -> float: ...
def set_exchange_delay(ms: float) -> None: ...
def watch_exchange() -> None: ...
def user_step() -> float: ...
def set_aligned(on: bool) -> None: ...
def start_stopwatch() -> None: ...
def read_stopwatch() -> tuple[float, float]: ...
