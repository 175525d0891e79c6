"""What a trial is to be, but for its drive.

Beside `sampling`, which draws it, and `stream`, which draws its events.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.events import Floats

__all__ = ["Answers", "Clusters", "Plan", "Volleys"]


@dataclasses.dataclass(frozen=True)
class Answers:
    """Volleys that come back from a network after another one."""

    low_uS: float  # each is log-uniform from here
    high_uS: float
    jitter_ms: float
    reach_um: float  # as `Volleys.reach_um`


@dataclasses.dataclass(frozen=True)
class Volleys:
    """Synchronous volleys of a trial; the inhibitory ones follow the excitatory."""

    rate_Hz: float
    total_uS: float
    jitter_ms: float
    lag_ms: float
    inhibition: float
    reach_um: float  # of the excitatory ones around the soma; inf: as other events
    echo: float  # how strong a second one is, of the first; 0: none
    echo_ms: float  # behind the first
    answers: Answers | None = None  # in place of the second one


@dataclasses.dataclass(frozen=True)
class Clusters:
    """Volleys on one branch at a time."""

    rate_Hz: float
    branches: NDArray[np.int64]
    count: float
    jitter_ms: float


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything about a trial except its drive. Letters: C channels, M weights."""

    seed: int
    duration_ms: int
    target_Hz: float  # output rate for the drive to reach; NaN where drive is random
    drive: float  # at the start; of a random drive, throughout
    synapses: int  # in all, before they are collapsed on the channels
    weight_uS: NDArray[np.float32]  # (C, M); 0 where there is no synapse
    rate_Hz: Floats  # (C, M), at a drive of 1
    driven: NDArray[np.bool_]  # (C,): whether a channel's rate follows the drive
    pool: NDArray[np.int8]  # (C,): channels of a pool share a time course
    course: str  # one of COURSES, or "volleys" for volleys alone, or "clamp"
    course_ms: tuple[float, float]  # correlation time; or mean on and off times
    spread: float  # sigma of the log rate, or noise fraction of regular sources
    volleys: Volleys | None
    clusters: Clusters | None
    steps: Floats  # (S, 3): the clamp
    silence: tuple[float, float]  # start and end, as fractions of the trial
