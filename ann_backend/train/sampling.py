"""What the input of a trial is: the distribution on which a surrogate is trained.

Third in the training line: a resolved `CellDescription` and a seed give a `Plan`; a
plan and the drive of each stretch give `Events`. The teacher moves the drive from
stretch to stretch so that the cell comes to the trial's target output rate.

The distribution, SAMPLER version 3, drawn anew for each trial:

- target output rate: log-uniform over the cell's ``output_Hz``, or what of it brings
  a spike in the trial; 1 trial in 20 has instead a drive drawn at random, so that
  silent and over-driven cells are seen too;
- synapses: 100 to 16,000 excitatory and 30 to 5,000 inhibitory ones, log-uniform,
  collapsed on the channels, where they have 1 to 3 different weights (1 to 12 on a
  cell of few channels) and rates that differ log-normally (sigma 0 to 1);
- their places: everywhere; in a part of the tree (a region, a subtree of any size, all
  but a subtree, 1 to 20 branches) that holds half to all of them; or along a gradient
  of the distance from the soma. Inhibition also around the soma (20 to 100 um), or in
  the same part as the excitation;
- weights: around a log-uniform 0.1 to 4 times the channel's unit, spread log-normally
  (sigma 0 to 0.7), growing or falling with distance in 1 trial of 4, clipped;
- excitation: a share of it in slow channels, 0 in 1 trial of 3, else uniform;
- inhibition: none in 1 trial of 5; in half of the trials it follows the drive, at 1/8
  to 2 times the excitation, in the others it stays put, at 1/8 to 4 times; beyond a
  drive of 8 it gives way to excitation;
- time course: steady Poisson; log-normal rate fluctuations (5 to 500 ms); bursts
  with silence between (on 10 to 500 ms, off 50 to 2,000 ms); or regular sources
  with a noise fraction, as NetStim makes them; in 4 trials of 10, 2 to 4 parts of the
  tree, or excitation and inhibition, follow a time course of their own each;
- synchronous volleys on top in 1 trial of 3, alone in 1 of 10: 0.5 to 10 Hz, 1 to
  50 nS in all, on a cell with dendrites to 1,000, as a network that fires as one sends
  them and as they bring plateaus and depolarisation block; jitter 0.05 to 20 ms. They
  come where the other events come or, in half of these trials and on a cell with
  dendrites, around the soma (20 to 200 um), as pyramidal cells reach each other. In
  half a second one is 3 to 15 ms behind, 1/4 to 4 times as strong within the same
  limit, as such a network answers; in half inhibition is 0 to 5 ms behind;
- clusters in 4 trials of 10, on a cell with dendrites: 0.5 to 30 Hz, 4 to 60 events
  within 1 to 20 ms on one of 1 to all branches, as they start NMDA spikes;
- a clamp in 1 trial of 5, where the cell has a current channel: 1 to 6 steps of 50
  to 1,500 ms, or noise (2 to 50 ms); alone in 3 of 10 of these. Rare, for a spike's
  time under constant current is ill-conditioned: half the step moves it by many ms;
- a silent stretch of a tenth to a half of the trial in 1 trial of 5;
- not more than 60 events/ms in all, on average.

Trials of seeds from `NETWORK_SEEDS` on, for training alone, are as a cell of a
recurrent network has them, whose spikes come back to it and bring depolarisation block,
or just not. As above, but:

- volleys in all, alone in 1 of 4, 0.7 to 3 Hz, around 20 to 100 nS (a tenth of the
  limit above on any cell; sigma 0.5 from one to the next), jitter 0.05 to 2 ms;
- each is answered by 1 or more volleys (2.5 on average), each 2 to 10 ms behind the one
  before and 20 to 500 nS strong (half of the limit), jitter 0.2 to 2 ms; in 8 trials of
  10 around the soma (20 to 100 um);
- no clamp and no silent stretch.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.cell import CellDescription
from ann_backend.train.events import Floats
from ann_backend.train.places import Tree, draw_part, draw_places
from ann_backend.train.plan import Answers, Clusters, Plan, Volleys

__all__ = ["NETWORK_SEEDS", "SAMPLER", "draw_plan"]

SAMPLER = 3
NETWORK_SEEDS = 10**18  # beyond those of any other split
COURSES = ("steady", "fluctuating", "bursts", "regular")
COURSE_SHARES = (0.35, 0.35, 0.2, 0.1)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from the log-uniform distribution on [low, high]."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw_plan(cell: CellDescription, seed: int, *, duration_ms: int) -> Plan:
    """Draw a trial's plan from the distribution at the head of this file.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    seed : int
        Same cell, seed, duration and `SAMPLER`: same plan. From `NETWORK_SEEDS` on:
        of a network.
    duration_ms : int
    """
    rng = np.random.default_rng([SAMPLER, seed])
    tree = Tree(cell)
    free = rng.random() < 0.05
    course, clamp, kind = _course(rng), rng.random(), rng.random()
    network = seed >= NETWORK_SEEDS
    volleys = _of_network if network else _volleys
    if network:
        clamp, kind = 1.0, 0.43 * kind
    if tree.current is None or clamp >= 0.2:
        steps = np.empty((0, 3))
    else:
        steps = _steps(rng, cell.channels[tree.current].unit_uS, duration_ms)
    alone = len(steps) > 0 and clamp < 0.06
    if kind < 0.1 and not alone:
        course["course"] = "volleys"
    if alone:
        course["course"] = "clamp"
    part = draw_part(rng, tree)
    inhibited = bool(rng.random() >= 0.2)
    follows = bool(rng.random() < 0.5)
    ratio = log_uniform(rng, 1 / 8, 2.0 if follows else 4.0) if inhibited else 0.0
    weight, rate, synapses = _synapses(rng, cell, tree, part, ratio)
    slow, fast = cell.output_Hz
    slow = min(max(slow, 1e3 / duration_ms), fast)
    return Plan(
        seed=seed,
        duration_ms=duration_ms,
        target_Hz=float("nan") if free else log_uniform(rng, slow, fast),
        drive=log_uniform(rng, 1 / 8, 16.0) if free else log_uniform(rng, 1 / 4, 1.0),
        synapses=synapses,
        weight_uS=weight,
        rate_Hz=rate,
        driven=~tree.inhibitory | follows,
        pool=_pools(rng, tree),
        volleys=None if alone or kind >= 0.43 else volleys(rng, tree, inhibited),
        clusters=None if alone else _clusters(rng, tree),
        steps=steps,
        silence=(0.0, 0.0) if network else _silence(rng),
        **course,
    )


def _course(rng: np.random.Generator) -> dict[str, Any]:
    course = str(rng.choice(COURSES, p=COURSE_SHARES))
    times = (log_uniform(rng, 5.0, 500.0), 0.0)
    if course == "bursts":
        times = (log_uniform(rng, 10.0, 500.0), log_uniform(rng, 50.0, 2000.0))
    spread = float(rng.random() if course == "regular" else rng.uniform(0.2, 1.5))
    return {"course": course, "course_ms": times, "spread": spread}


def _synapses(
    rng: np.random.Generator,
    cell: CellDescription,
    tree: Tree,
    part: NDArray[np.bool_],
    inhibition: float,
) -> tuple[NDArray[np.float32], Floats, int]:
    """Weights and rates of the synapses of every channel, (C, M), and their number."""
    in_all = 0
    most = 12 if len(cell.channels) <= 12 else 3
    weight = np.zeros((len(cell.channels), most), np.float32)
    rate = np.zeros((len(cell.channels), most))
    slow = 0.0 if rng.random() < 1 / 3 or not tree.slow.any() else float(rng.random())
    slow = slow if tree.excitatory.any() else 1.0
    numbers = (100.0, 16000.0), (100.0, 16000.0), (30.0, 5000.0)
    for role, share, (low, high) in zip(
        (tree.excitatory, tree.slow, tree.inhibitory),
        (1.0 - slow, slow, inhibition),
        numbers,
        strict=True,
    ):
        number = round(log_uniform(rng, low, high))
        where = draw_places(rng, tree, role, part)
        mine = np.flatnonzero(role)
        if not len(mine):
            continue
        in_all += number if share > 0.0 else 0
        count = rng.multinomial(number, where[mine])
        kinds = np.minimum(count, rng.integers(1, most + 1))
        used = np.arange(most) < kinds[:, None]
        w = _weights(rng, cell, tree, mine, most) * used
        spread = rng.uniform(0.0, 1.0)
        r = count[:, None] * np.exp(spread * rng.standard_normal(used.shape)) * used
        unit = np.array([cell.channels[c].unit_uS for c in mine])
        total = sum(cell.channels[c].rate_Hz for c in mine)
        mean = float((w / unit[:, None] * r).sum() / max(r.sum(), 1e-12))
        weight[mine] = w
        rate[mine] = share * total * r / max(float(r.sum()) * mean, 1e-12)
    return weight, rate, in_all


def _weights(
    rng: np.random.Generator,
    cell: CellDescription,
    tree: Tree,
    mine: NDArray[np.int64],
    most: int,
) -> Floats:
    """Weights of all synapses of a role, uS, shape (channels, M)."""
    centre = log_uniform(rng, 0.1, 4.0)
    sigma = rng.uniform(0.0, 0.7) if rng.random() < 0.7 else 0.0
    slope = rng.uniform(-1.0, 1.5) if rng.random() < 0.25 else 0.0
    unit = np.array([cell.channels[c].unit_uS for c in mine])[:, None]
    scale = sigma * rng.standard_normal((len(mine), most))
    scale = centre * np.exp(scale + slope * tree.away[mine, None])
    return np.asarray(unit * np.clip(scale, 0.1, 4.0))


def _pools(rng: np.random.Generator, tree: Tree) -> NDArray[np.int8]:
    """Which channels share a time course."""
    pool = np.zeros(len(tree.branch), np.int8)
    if rng.random() < 0.6:
        return pool
    if rng.random() < 0.3:
        return tree.inhibitory.astype(np.int8)
    for k in range(1, int(rng.integers(2, 5))):
        pool[draw_part(rng, tree) if tree.branches > 1 else tree.slow] = k
    return pool


def _strongest(tree: Tree) -> float:
    """Limit of a volley, uS."""
    return 1.0 if tree.branches > 1 else 0.05


def _near(rng: np.random.Generator, tree: Tree, share: float, most: float) -> float:
    """How far from the soma the events of a volley come; inf: as others."""
    near = tree.branches > 1 and rng.random() < share
    return log_uniform(rng, 20.0, most) if near else float("inf")


def _of_network(rng: np.random.Generator, tree: Tree, inhibited: bool) -> Volleys:
    most = _strongest(tree)
    return dataclasses.replace(
        _volleys(rng, tree, inhibited),
        rate_Hz=log_uniform(rng, 0.7, 3.0),
        total_uS=most * log_uniform(rng, 0.02, 0.1),
        jitter_ms=log_uniform(rng, 0.05, 2.0),
        reach_um=_near(rng, tree, 0.5, 100.0),
        echo=0.0,
        answers=Answers(
            low_uS=0.02 * most,
            high_uS=0.5 * most,
            jitter_ms=log_uniform(rng, 0.2, 2.0),
            reach_um=_near(rng, tree, 0.8, 100.0),
        ),
    )


def _volleys(rng: np.random.Generator, tree: Tree, inhibited: bool) -> Volleys:
    most = _strongest(tree)
    total = log_uniform(rng, 0.001, most)
    near = tree.branches > 1 and rng.random() < 0.5
    return Volleys(
        rate_Hz=log_uniform(rng, 0.5, 10.0),
        total_uS=total,
        jitter_ms=log_uniform(rng, 0.05, 20.0),
        lag_ms=float(rng.uniform(0.0, 5.0)),
        inhibition=float(rng.uniform(0.0, 1.5)) * (inhibited and rng.random() < 0.5),
        reach_um=log_uniform(rng, 20.0, 200.0) if near else float("inf"),
        echo=log_uniform(rng, 0.25, min(4.0, most / total)) * (rng.random() < 0.5),
        echo_ms=float(rng.uniform(3.0, 15.0)),
    )


def _clusters(rng: np.random.Generator, tree: Tree) -> Clusters | None:
    if tree.branches == 1 or rng.random() >= 0.4:
        return None
    hot = round(log_uniform(rng, 1.0, tree.branches - 1.0))
    return Clusters(
        rate_Hz=log_uniform(rng, 0.5, 30.0),
        branches=1 + rng.choice(tree.branches - 1, hot, replace=False),
        count=log_uniform(rng, 4.0, 60.0),
        jitter_ms=log_uniform(rng, 1.0, 20.0),
    )


def _steps(rng: np.random.Generator, unit: float, duration_ms: int) -> Floats:
    """Draw a clamp: amplitudes in nA, edges on 0.1 ms, a step of any teacher's."""
    steady, scale = rng.random() < 0.6, 4.0 * unit * log_uniform(rng, 0.2, 1.0)
    if steady:
        count = int(rng.integers(1, 7))
        on = np.sort(rng.uniform(0.0, duration_ms, count))
        off = on + np.exp(rng.uniform(np.log(50.0), np.log(1500.0), count))
        off = np.minimum(off, np.append(on[1:], duration_ms))
        edges = np.stack([on, off], axis=1)
    else:
        dwell = log_uniform(rng, 2.0, 50.0)
        at = np.cumsum(rng.exponential(dwell, int(2 * duration_ms / dwell) + 8))
        at = np.append(0.0, at[at < duration_ms])
        edges = np.stack([at, np.append(at[1:], duration_ms)], axis=1)
    edges = np.round(edges, 1)
    edges = edges[edges[:, 1] > edges[:, 0]]
    if steady:
        relative = rng.uniform(-0.4, 1.0, len(edges))
    else:
        relative = rng.normal(rng.uniform(-0.1, 0.3), 0.35, len(edges))
    clipped = np.clip(scale * relative, -4.0 * unit, 4.0 * unit)
    return np.column_stack([edges, np.round(clipped, 4)])


def _silence(rng: np.random.Generator) -> tuple[float, float]:
    if rng.random() >= 0.2:
        return 0.0, 0.0
    length = rng.uniform(0.1, 0.5)
    start = rng.uniform(0.0, 1.0 - length)
    return float(start), float(start + length)
