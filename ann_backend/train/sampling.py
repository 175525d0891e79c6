"""Input events of a trial: the distribution on which a surrogate is trained.

Second in the training line: a `CellDescription` and a seed give a `Plan`, a plan
and a drive give `Events`. The teacher picks the drive that brings the trial to
its target output rate. Event times are continuous and never rounded.

The distribution, SAMPLER version 1, drawn anew for each trial:

- target output rate: log-uniform, 0.1 to 50 Hz; 1 trial in 20 has instead a drive
  drawn at random, so that silent and over-driven cells are seen too;
- weights per channel: 1 to 12 synapses around a log-uniform 0.1 to 4 times the
  channel's unit, spread log-normally (sigma 0 to 0.7), clipped to that range;
- excitation: a share of it in slow channels, 0 in 1 trial of 3, else uniform;
- inhibition: 1/8 to 4 times the excitation, none in 1 trial of 5; it follows the
  drive in half of the trials, and stays put in the others;
- time course: steady Poisson; log-normal rate fluctuations (5 to 500 ms); bursts
  with silence between (on 10 to 500 ms, off 50 to 2,000 ms); or regular sources
  with a noise fraction, as NetStim makes them;
- synchronous volleys on top in 1 trial of 3, alone in 1 of 10: 0.5 to 10 Hz, 1 to
  50 nS in all, jitter 0.05 to 5 ms, inhibition 0 to 5 ms behind;
- a silent stretch of a tenth to a half of the trial in 1 trial of 5.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.cell import CellDescription

__all__ = ["SAMPLER", "Events", "Plan", "draw_events", "draw_plan"]

SAMPLER = 1
RATE_LIMIT_HZ = 4000.0  # events per second and channel
COURSES = ("steady", "fluctuating", "bursts", "regular")
COURSE_SHARES = (0.3, 0.3, 0.2, 0.2)


@dataclasses.dataclass(frozen=True)
class Events:
    """Input events of one trial, sorted by time.

    Attributes
    ----------
    t : array of float64, shape (N,)
        Times in ms from the trial's start.
    channel : array of int16, shape (N,)
    weight : array of float32, shape (N,)
        Weights in uS.
    """

    t: NDArray[np.float64]
    channel: NDArray[np.int16]
    weight: NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Volleys:
    """Synchronous volleys of a trial; the inhibitory ones follow the excitatory."""

    rate_Hz: float
    total_uS: float
    jitter_ms: float
    lag_ms: float
    inhibition: float


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything about a trial except its drive and its length."""

    seed: int  # of the events: drives are compared on like trials
    target_Hz: float  # output rate for the drive to reach; NaN where drive is random
    drive: float  # the random drive, else NaN
    weights_uS: tuple[NDArray[np.float32], ...]  # of each channel's synapses
    rates_Hz: tuple[float, ...]  # each channel's events per second at a drive of 1
    driven: tuple[bool, ...]  # whether a channel's rate follows the drive
    course: str  # one of COURSES, or "volleys" for volleys alone
    course_ms: tuple[float, float]  # correlation time; or mean on and off times
    spread: float  # sigma of the log rate, or noise fraction of regular sources
    volleys: Volleys | None
    silence: tuple[float, float]  # start and end, as fractions of the trial


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from the log-uniform distribution on [low, high]."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw_plan(cell: CellDescription, seed: int) -> Plan:
    """Draw a trial's plan from the distribution at the head of this file.

    Parameters
    ----------
    cell : CellDescription
    seed : int
        Same cell, seed and `SAMPLER`: same plan.
    """
    rng = np.random.default_rng([SAMPLER, seed])
    free = rng.random() < 0.05
    slow = 0.0 if rng.random() < 1 / 3 else rng.random()
    inhibition = 0.0 if rng.random() < 0.2 else log_uniform(rng, 1 / 8, 4.0)
    follows = bool(rng.random() < 0.5)
    share = {"excitatory": 1.0 - slow, "slow": slow, "inhibitory": inhibition}
    weights = tuple(_draw_weights(rng, c.unit_uS) for c in cell.channels)
    rates = tuple(
        c.rate_Hz * share[c.role] * c.unit_uS / float(w.mean())
        for c, w in zip(cell.channels, weights, strict=True)
    )
    course = str(rng.choice(COURSES, p=COURSE_SHARES))
    course_ms = (log_uniform(rng, 5.0, 500.0), 0.0)
    if course == "bursts":
        course_ms = (log_uniform(rng, 10.0, 500.0), log_uniform(rng, 50.0, 2000.0))
    spread = float(rng.random() if course == "regular" else rng.uniform(0.2, 1.5))
    volleys, kind = None, rng.random()
    if kind < 0.43:
        volleys = Volleys(
            rate_Hz=log_uniform(rng, 0.5, 10.0),
            total_uS=log_uniform(rng, 0.001, 0.05),
            jitter_ms=log_uniform(rng, 0.05, 5.0),
            lag_ms=float(rng.uniform(0.0, 5.0)),
            inhibition=float(rng.uniform(0.0, 1.5)) if inhibition else 0.0,
        )
    silence = (0.0, 0.0)
    if rng.random() < 0.2:
        length = rng.uniform(0.1, 0.5)
        start = rng.uniform(0.0, 1.0 - length)
        silence = (float(start), float(start + length))
    return Plan(
        seed=seed,
        target_Hz=float("nan") if free else log_uniform(rng, 0.1, 50.0),
        drive=log_uniform(rng, 0.1, 16.0) if free else float("nan"),
        weights_uS=weights,
        rates_Hz=rates,
        driven=tuple(c.role != "inhibitory" or follows for c in cell.channels),
        course="volleys" if kind < 0.1 else course,
        course_ms=course_ms,
        spread=spread,
        volleys=volleys,
        silence=silence,
    )


def draw_events(
    cell: CellDescription, plan: Plan, *, drive: float, duration_ms: float
) -> Events:
    """Draw the events of a trial.

    Parameters
    ----------
    cell : CellDescription
    plan : Plan
    drive : float
        Multiplies the rates of the driven channels and of the volleys.
    duration_ms : float

    Returns
    -------
    Events
        Times in [0, duration_ms), sorted by (time, channel, weight).
    """
    rng = np.random.default_rng([SAMPLER, plan.seed, 1])
    envelope = _envelope(rng, plan, duration_ms)
    parts = []
    for c, (weights, rate) in enumerate(
        zip(plan.weights_uS, plan.rates_Hz, strict=True)
    ):
        rate = min(rate * (drive if plan.driven[c] else 1.0), RATE_LIMIT_HZ)
        if plan.course == "regular":
            parts.append(_regular(rng, c, weights, rate, plan.spread, duration_ms))
        elif plan.course != "volleys":
            t = _poisson(rng, rate * envelope)
            parts.append(_with_weights(rng, t, c, weights))
    if plan.volleys is not None:
        parts += _volleys(rng, cell, plan, drive, duration_ms)
    t = np.concatenate([p[0] for p in parts])
    channel = np.concatenate([p[1] for p in parts])
    weight = np.concatenate([p[2] for p in parts])
    quiet = (t >= plan.silence[0] * duration_ms) & (t < plan.silence[1] * duration_ms)
    keep = (t >= 0.0) & (t < duration_ms) & ~quiet
    t, channel, weight = t[keep], channel[keep], weight[keep]
    order = np.lexsort((weight, channel, t))
    return Events(t[order], channel[order], weight[order])


Part = tuple[NDArray[np.float64], NDArray[np.int16], NDArray[np.float32]]


def _draw_weights(rng: np.random.Generator, unit_uS: float) -> NDArray[np.float32]:
    centre = log_uniform(rng, 0.1, 4.0)
    sigma = rng.uniform(0.0, 0.7) if rng.random() < 0.7 else 0.0
    scale = centre * np.exp(sigma * rng.standard_normal(rng.integers(1, 13)))
    return (unit_uS * np.clip(scale, 0.1, 4.0)).astype(np.float32)


def _envelope(
    rng: np.random.Generator, plan: Plan, duration_ms: float
) -> NDArray[np.float64]:
    """Relative rate in each ms, of mean about 1."""
    bins = int(np.ceil(duration_ms))
    if plan.course == "fluctuating":
        keep = np.exp(-1.0 / plan.course_ms[0])
        noise = rng.standard_normal(bins) * np.sqrt(1.0 - keep * keep)
        log_rate, x = np.empty(bins), float(rng.standard_normal())
        for n in range(bins):
            x = keep * x + noise[n]
            log_rate[n] = x
        return np.asarray(np.exp(plan.spread * log_rate - plan.spread**2 / 2))
    if plan.course == "bursts":
        on, off = plan.course_ms
        count = int(3 * bins / (on + off)) + 10
        spans = rng.exponential(np.tile([off, on], count))
        edges = np.cumsum(spans)
        inside = np.searchsorted(edges, np.arange(bins) + 0.5) % 2 == 1
        return np.asarray(inside * (on + off) / on * min(1.0, 4.0 * on / (on + off)))
    return np.ones(bins)


def _poisson(
    rng: np.random.Generator, rate_Hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    count = rng.poisson(np.minimum(rate_Hz, 4.0 * RATE_LIMIT_HZ) * 1e-3)
    return np.repeat(np.arange(len(count)), count) + rng.random(int(count.sum()))


def _with_weights(
    rng: np.random.Generator,
    t: NDArray[np.float64],
    channel: int,
    weights: NDArray[np.float32],
) -> Part:
    chosen = weights[rng.integers(0, len(weights), len(t))]
    return t, np.full(len(t), channel, np.int16), chosen


def _regular(
    rng: np.random.Generator,
    channel: int,
    weights: NDArray[np.float32],
    rate_Hz: float,
    noise: float,
    duration_ms: float,
) -> Part:
    """One NetStim-like source for each synapse; noise is its noise fraction."""
    times, which = [np.empty(0)], [np.empty(0, np.int64)]
    interval = 1e3 * len(weights) / max(rate_Hz, 1e-6)
    for synapse in range(len(weights)):
        count = int(2 * duration_ms / interval) + 8
        gaps = interval * (1.0 - noise) + noise * rng.exponential(interval, count)
        times.append(rng.uniform(0.0, interval) + np.cumsum(gaps) - gaps[0])
        which.append(np.full(count, synapse))
    t = np.concatenate(times)
    chosen = weights[np.concatenate(which)]
    return t, np.full(len(t), channel, np.int16), chosen.astype(np.float32)


def _volleys(
    rng: np.random.Generator,
    cell: CellDescription,
    plan: Plan,
    drive: float,
    duration_ms: float,
) -> list[Part]:
    v = plan.volleys
    assert v is not None
    rate = min(v.rate_Hz * (drive if plan.course == "volleys" else 1.0), 60.0)
    starts = rng.uniform(0.0, duration_ms, rng.poisson(rate * duration_ms * 1e-3))
    total = sum(
        r * float(w.mean())
        for c, w, r in zip(cell.channels, plan.weights_uS, plan.rates_Hz, strict=True)
        if c.role != "inhibitory"
    )
    parts = []
    for c, channel in enumerate(cell.channels):
        mean = float(plan.weights_uS[c].mean())
        share, lag = plan.rates_Hz[c] * mean / total, 0.0
        if channel.role == "inhibitory":
            share, lag = v.inhibition, v.lag_ms
        count = rng.poisson(min(share, 1.5) * v.total_uS / mean, len(starts))
        t = np.repeat(starts + lag, count)
        t = t + v.jitter_ms * rng.standard_normal(len(t))
        parts.append(_with_weights(rng, t, c, plan.weights_uS[c]))
    return parts
