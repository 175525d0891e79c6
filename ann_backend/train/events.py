"""Input events, and how the elements of the sampling distribution make them.

Beside `sampling` in the training line, which decides what to draw; here is how.
Times are continuous and never rounded; a stretch of a trial at a time is drawn, so
that the drive can follow the cell's answer.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Events", "clamp_events", "envelope", "poisson", "regular"]

Floats = NDArray[np.float64]
HEARD_MS = 1.0  # after a spike the engine feeds it back: when its bin is over


def _no_steps() -> Floats:
    return np.empty((0, 3))


@dataclasses.dataclass(frozen=True)
class Events:
    """Input events of one trial, sorted by time.

    Attributes
    ----------
    t : array of float64, shape (N,)
        Times in ms from the trial's start.
    channel : array of int16, shape (N,)
    weight : array of float32, shape (N,)
        Weights in uS; of a current channel, charges in nA ms.
    steps : array of float64, shape (M, 3)
        The somatic clamp: start and end in ms, amplitude in nA. The events of the
        current channel say the same.
    """

    t: Floats
    channel: NDArray[np.int16]
    weight: NDArray[np.float32]
    steps: Floats = dataclasses.field(default_factory=_no_steps)

    def digest(self) -> str:
        """SHA-256 of what is drawn, rounded so that no CPU's last digit counts."""
        sha = hashlib.sha256(np.round(self.t * 1e4).astype("<i8").tobytes())
        sha.update(self.channel.astype("<i2").tobytes())
        sha.update(np.round(self.weight * np.float64(1e8)).astype("<i8").tobytes())
        sha.update(np.round(self.steps * 1e4).astype("<i8").tobytes())
        return sha.hexdigest()

    def with_spikes(
        self, spikes: Sequence[float], channels: NDArray[np.integer[Any]]
    ) -> Events:
        """Add spikes to some channels, as the engine feeds a row's own ones back."""
        later = np.repeat(np.array(spikes, float) + HEARD_MS, len(channels))
        t = np.concatenate([self.t, later])
        order = np.argsort(t, kind="stable")
        which = np.tile(channels.astype(self.channel.dtype), len(spikes))
        ones = np.ones(len(which), np.float32)
        return dataclasses.replace(
            self,
            t=t[order],
            channel=np.concatenate([self.channel, which])[order],
            weight=np.concatenate([self.weight, ones])[order],
        )

    def between(self, start_ms: float, stop_ms: float) -> slice:
        """Where the events of a stretch of the trial are."""
        first, last = np.searchsorted(self.t, [start_ms, stop_ms])
        return slice(int(first), int(last))


def envelope(
    rng: np.random.Generator,
    course: str,
    course_ms: tuple[float, float],
    spread: float,
    bins: int,
) -> Floats:
    """Relative rate in each ms of a trial, of mean about 1.

    Parameters
    ----------
    course : str
        "fluctuating": log-normal with correlation time ``course_ms[0]`` and sigma
        `spread`. "bursts": on and off for ``course_ms`` on average. Else steady.
    """
    if course == "fluctuating":
        keep = float(np.exp(-1.0 / course_ms[0]))
        noise = rng.standard_normal(bins) * np.sqrt(1.0 - keep * keep)
        log_rate, x = np.empty(bins), float(rng.standard_normal())
        for n, kick in enumerate(noise.tolist()):
            x = keep * x + kick
            log_rate[n] = x
        return np.asarray(np.exp(spread * log_rate - spread**2 / 2))
    if course == "bursts":
        on, off = course_ms
        count = int(3 * bins / (on + off)) + 10
        edges = np.cumsum(rng.exponential(np.tile([off, on], count)))
        inside = np.searchsorted(edges, np.arange(bins) + 0.5) % 2 == 1
        return np.asarray(inside * (on + off) / on * min(1.0, 4.0 * on / (on + off)))
    return np.ones(bins)


def poisson(
    rng: np.random.Generator, rate_Hz: Floats, start_ms: float, relative: Floats
) -> tuple[Floats, NDArray[np.int64]]:
    """Events of independent Poisson sources with a common envelope.

    Parameters
    ----------
    rate_Hz : array, shape (S,)
        Of each source, at an envelope of 1.
    start_ms : float
    relative : array, shape (T,)
        The envelope in each ms from the start.

    Returns
    -------
    t : array, shape (N,), ms; not sorted within a bin
    source : array of int, shape (N,)
    """
    edges = np.cumsum(rate_Hz)
    if not len(edges) or edges[-1] <= 0.0:
        return np.empty(0), np.empty(0, np.int64)
    count = rng.poisson(edges[-1] * 1e-3 * relative)
    t = np.repeat(start_ms + np.arange(len(count)), count)
    t = t + rng.random(len(t))
    source = np.searchsorted(edges, rng.random(len(t)) * edges[-1], side="right")
    return t, np.minimum(source, len(edges) - 1)


def regular(
    rng: np.random.Generator,
    rate_Hz: Floats,
    noise: float,
    due: Floats,
    start_ms: float,
    length_ms: float,
) -> tuple[Floats, NDArray[np.int64]]:
    """Events of NetStim-like sources; the interval's random part is `noise` of it.

    Parameters
    ----------
    rate_Hz : array, shape (S,)
    noise : float
        0 to 1.
    due : array, shape (S,)
        Mean intervals until each source's next event; moved on to the stretch's end.
    start_ms, length_ms : float
        The stretch.
    """
    span = rate_Hz * length_ms * 1e-3  # in mean intervals
    count = np.where(span > due, span - due + 6.0 * noise * np.sqrt(span) + 6.0, 1.0)
    count = count.astype(np.int64)
    ends = np.cumsum(count)
    source = np.repeat(np.arange(len(span)), count)
    gaps = 1.0 - noise + noise * rng.exponential(1.0, len(source))
    total = np.cumsum(gaps)
    first = ends - count
    at = due[source] + total - total[first][source]
    inside = at < span[source]
    # the first one beyond the stretch is due next; a stretch is never used up
    beyond = np.flatnonzero(~inside)
    owner, where = np.unique(source[beyond], return_index=True)
    due[owner] = at[beyond[where]] - span[owner]
    source = source[inside]
    return start_ms + at[inside] / rate_Hz[source] * 1e3, source


def clamp_events(steps: Floats, bins: int) -> tuple[Floats, Floats]:
    """Turn a clamp's steps into one event for each run of constant current in a bin.

    Parameters
    ----------
    steps : array, shape (M, 3)
        Start, end (ms) and amplitude (nA); sorted, without overlap.
    bins : int
        Of 1 ms, in the trial.

    Returns
    -------
    t : array, shape (N,)
        The middle of each run, ms.
    charge : array, shape (N,), nA ms
    """
    if not len(steps):
        return np.empty(0), np.empty(0)
    edges = np.unique(np.concatenate([np.arange(bins + 1.0), steps[:, :2].ravel()]))
    middle, length = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    which = np.searchsorted(steps[:, 0], middle, side="right") - 1
    inside = (which >= 0) & (middle < steps[which, 1]) & (middle < bins)
    return middle[inside], length[inside] * steps[which[inside], 2]
