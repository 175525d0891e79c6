"""Draws the events of a trial, stretch by stretch, at the drive it is told.

Beside `sampling` in the training line: a `Plan` and drives give `Events`. The same
plan and drives give the same events, so a shard need not store them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.cell import CellDescription
from ann_backend.train.events import (
    Events,
    Floats,
    clamp_events,
    envelope,
    poisson,
    regular,
)
from ann_backend.train.places import Tree
from ann_backend.train.plan import Answers, Plan
from ann_backend.train.sampling import SAMPLER

__all__ = ["STRETCH_MS", "Stream", "draw_events"]

STRETCH_MS = 250  # of constant drive
LIMIT_PER_MS = 60.0  # events on all channels, on average; four times that in a bin
CHANNEL_LIMIT_HZ = 4000.0
GIVES_WAY = 8.0  # drive beyond which inhibition does, so that few cells stay silent
VOLLEY_LIMIT_HZ, VOLLEY_LIMIT_US = 60.0, 0.05
ANSWERS, ANSWER_MS = 2.5, (2.0, 10.0)  # how many a volley has, each behind the last
SPREAD = 0.5  # sigma of the log of an answered volley

Part = tuple[Floats, NDArray[np.int64]]  # times, sources


class Stream:
    """Draws a trial's events in order. A source is one weight on one channel.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    plan : Plan
    """

    def __init__(self, cell: CellDescription, plan: Plan) -> None:
        self.plan = plan
        self.rng = np.random.default_rng([SAMPLER, plan.seed, 1])
        tree = Tree(cell)
        channel, slot = np.nonzero(plan.rate_Hz > 0.0)
        self.slots = plan.rate_Hz.shape[1]
        self.channel = channel.astype(np.int16)
        self.slot = slot
        self.weight = plan.weight_uS[channel, slot]
        self.rate = plan.rate_Hz[channel, slot]
        self.driven = plan.driven[channel]
        self.inhibitory = tree.inhibitory[channel]
        self.branch = tree.branch[channel]
        self.um = tree.um[channel]
        self.pools = [np.flatnonzero(plan.pool[channel] == k) for k in range(5)]
        self.pools = [p for p in self.pools if len(p)]
        self.relative = [
            envelope(
                self.rng, plan.course, plan.course_ms, plan.spread, plan.duration_ms
            )
            for _ in self.pools
        ]
        self.due = self.rng.random(len(self.rate))
        self.pending: Part = (np.empty(0), np.empty(0, np.int64))
        self.clamp = tree.current, *clamp_events(plan.steps, plan.duration_ms)
        self.start = 0

    def draw(self, drive: float) -> tuple[Events, NDArray[np.int64], float]:
        """Draw the next stretch.

        Parameters
        ----------
        drive : float
            Multiplies the rates of the driven channels, of volleys and clusters.

        Returns
        -------
        events : Events
            Sorted by (time, channel, weight); `steps` is left out.
        source : array of int, shape (N,)
            The source of each event, -1 for the clamp's.
        activity : float
            Excitatory events, relative to what is expected of the drive.
        """
        start = self.start
        stop = min(start + STRETCH_MS, self.plan.duration_ms)
        self.start = stop
        parts, expected = self._background(drive, start, stop)
        late = [self.pending, *self._volleys(drive, start, stop)]
        late += self._clusters(drive, start, stop)
        t, source = (np.concatenate(x) for x in zip(*parts, *late, strict=True))
        later = t >= stop
        self.pending = t[later], source[later]
        t, source = self._audible(t, source, start, stop)
        found = float(np.count_nonzero(~self.inhibitory[source]))
        activity = found / expected if expected > 0.0 else float(found > 0)
        events, source = self._with_clamp(t, source, start, stop)
        return events, source, activity

    def _background(
        self, drive: float, start: int, stop: int
    ) -> tuple[list[Part], float]:
        """Poisson or regular events, and how many excitatory ones are expected."""
        course = self.plan.course
        if course in ("volleys", "clamp") or not len(self.rate):
            return [], 0.0
        rate = np.where(self.driven, drive, 1.0) * self.rate
        rate[self.inhibitory] *= min(1.0, GIVES_WAY / drive)
        rate = np.minimum(rate, CHANNEL_LIMIT_HZ)
        rate *= min(1.0, LIMIT_PER_MS * 1e3 / float(rate.sum()))
        expected = float(rate[~self.inhibitory].sum()) * (stop - start) * 1e-3
        if course == "regular":
            noise, length = self.plan.spread, float(stop - start)
            return [regular(self.rng, rate, noise, self.due, start, length)], expected
        parts = []
        for pool, relative in zip(self.pools, self.relative, strict=True):
            ceiling = 4.0 * LIMIT_PER_MS * 1e3 / max(float(rate[pool].sum()), 1e-9)
            now = np.minimum(relative[start:stop], ceiling)
            t, which = poisson(self.rng, rate[pool], start, now)
            parts.append((t, pool[which]))
        return parts, expected

    def _volleys(self, drive: float, start: int, stop: int) -> list[Part]:
        v = self.plan.volleys
        if v is None or not len(self.rate):
            return []
        more = drive**0.5 if self.plan.course == "volleys" else 1.0
        rate = min(v.rate_Hz * more, VOLLEY_LIMIT_HZ)
        total = min(v.total_uS * more, max(v.total_uS, VOLLEY_LIMIT_US))
        count = self.rng.poisson(rate * (stop - start) * 1e-3)
        at = self.rng.uniform(start, stop, count) + 3.0 * v.jitter_ms
        if v.answers is None:
            both = np.append(at, at + v.echo_ms)
            strength = total * np.repeat([1.0, v.echo], count)
            waves = [(both, strength, v.jitter_ms, v.reach_um)]
        else:
            strength = total * np.exp(SPREAD * self.rng.standard_normal(count))
            waves = [(at, strength, v.jitter_ms, v.reach_um)]
            waves.append(self._answers(v.answers, at))
        parts = []
        for mine, share, lag, least_um in (
            (~self.inhibitory, 1.0, 0.0, 0.0),
            (self.inhibitory, v.inhibition, v.lag_ms, np.inf),
        ):
            sources = np.flatnonzero(mine)
            if not len(sources) or not count or share == 0.0:
                continue
            for when, strength, jitter, reach in waves:
                size, um = share * strength, max(reach, least_um)
                parts.append(self._volley(sources, when + lag, size, jitter, um))
        return parts

    def _answers(self, a: Answers, at: Floats) -> tuple[Floats, Floats, float, float]:
        """When what comes back from a network does, and how strong it is."""
        low, high = np.log(ANSWER_MS)
        many = self.rng.geometric(1.0 / ANSWERS, len(at))
        each = [np.exp(self.rng.uniform(low, high, n)) for n in many]
        times = [t + np.cumsum(lag) for t, lag in zip(at, each, strict=True)]
        when = np.concatenate([np.empty(0), *times])
        low, high = np.log([a.low_uS, a.high_uS])
        strength = np.exp(self.rng.uniform(low, high, len(when)))
        return when, strength, a.jitter_ms, a.reach_um

    def _volley(
        self,
        sources: NDArray[np.int64],
        at: Floats,
        total_uS: Floats,
        jitter_ms: float,
        reach_um: float,
    ) -> Part:
        """Events of volleys at these times, on some of the sources."""
        um = self.um[sources]
        rates = self.rate[sources] * np.exp(-(um - um.min()) / reach_um)
        mean = float((rates * self.weight[sources]).sum() / rates.sum())
        size = self.rng.poisson(total_uS / mean)
        t = np.repeat(at, size)
        t = t + jitter_ms * self.rng.standard_normal(len(t))
        edges = np.cumsum(rates)
        drawn = np.searchsorted(edges, self.rng.random(len(t)) * edges[-1])
        return t, sources[np.minimum(drawn, len(sources) - 1)]

    def _clusters(self, drive: float, start: int, stop: int) -> list[Part]:
        k = self.plan.clusters
        if k is None:
            return []
        rate = min(k.rate_Hz * drive, VOLLEY_LIMIT_HZ) * (stop - start) * 1e-3
        parts = []
        for _ in range(int(self.rng.poisson(rate))):
            branch = self.rng.choice(k.branches)
            at = self.rng.uniform(start, stop)
            size = int(self.rng.poisson(k.count))
            t = at + k.jitter_ms * self.rng.random(size)
            here = np.flatnonzero((self.branch == branch) & ~self.inhibitory)
            if len(here):
                parts.append((t, here[self.rng.integers(0, len(here), size)]))
        return parts

    def _audible(
        self, t: Floats, source: NDArray[np.int64], start: int, stop: int
    ) -> Part:
        """What is left of the stretch's events: none in the trial's silence."""
        quiet = np.array(self.plan.silence) * self.plan.duration_ms
        keep = (t >= start) & (t < stop) & ~((t >= quiet[0]) & (t < quiet[1]))
        return t[keep], source[keep]

    def _with_clamp(
        self, t: Floats, source: NDArray[np.int64], start: int, stop: int
    ) -> tuple[Events, NDArray[np.int64]]:
        """Sort the events, with those of the clamp among them."""
        current, at, charge = self.clamp
        mine = slice(*np.searchsorted(at, [start, stop]))
        extra = len(at[mine])
        channel = np.append(self.channel[source], np.full(extra, current or 0))
        weight = np.append(self.weight[source], charge[mine])
        source = np.append(source, np.full(extra, -1))
        t = np.append(t, at[mine])
        order = np.argsort(t)
        if (np.diff(t[order]) == 0.0).any():
            order = np.lexsort((weight, channel, t))
        events = Events(
            t[order],
            channel[order].astype(np.int16),
            weight[order].astype(np.float32),
        )
        return events, source[order]


def draw_events(
    cell: CellDescription, plan: Plan, drives: Sequence[float] | Floats
) -> Events:
    """Draw a whole trial.

    Parameters
    ----------
    cell : CellDescription
    plan : Plan
    drives : sequence of float
        One for each stretch of `STRETCH_MS`.

    Returns
    -------
    Events
        Times in [0, duration), sorted by (time, channel, weight).
    """
    stream = Stream(cell, plan)
    parts = [stream.draw(float(drive))[0] for drive in drives]
    return Events(
        np.concatenate([p.t for p in parts]),
        np.concatenate([p.channel for p in parts]),
        np.concatenate([p.weight for p in parts]),
        plan.steps,
    )
