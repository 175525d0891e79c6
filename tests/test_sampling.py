"""The input that trials draw: reproducible, continuous in time, inside its ranges."""

import dataclasses

import numpy as np
import pytest

from ann_backend.train.cell import HH, SHIPPED
from ann_backend.train.events import clamp_events, regular
from ann_backend.train.places import Tree
from ann_backend.train.plan import Volleys
from ann_backend.train.resolve import resolve
from ann_backend.train.sampling import NETWORK_SEEDS, draw_plan
from ann_backend.train.stream import STRETCH_MS, draw_events

DRIVES = [2.0] * 8


@pytest.fixture(scope="module")
def l5pc():
    return resolve(SHIPPED["L5PC"])


def drawn(cell, seed, drives=DRIVES):
    plan = draw_plan(cell, seed, duration_ms=STRETCH_MS * len(drives))
    return plan, draw_events(cell, plan, drives)


def test_a_seed_gives_the_same_events_and_another_seed_others(l5pc):
    for cell in (HH, l5pc):
        first, again, other = (drawn(cell, seed)[1] for seed in (3, 3, 4))
        assert first.digest() == again.digest() != other.digest()
        assert np.array_equal(first.t, again.t)


def test_the_drive_of_a_stretch_does_not_change_what_came_before(l5pc):
    a = drawn(l5pc, 3)[1]
    b = drawn(l5pc, 3, [*DRIVES[:-1], 9.0])[1]
    both = a.between(0, STRETCH_MS * 7), b.between(0, STRETCH_MS * 7)
    assert np.array_equal(a.t[both[0]], b.t[both[1]])
    assert len(a.t) != len(b.t)


def test_event_times_are_continuous_sorted_and_inside_the_trial(l5pc):
    for seed in range(40):
        for cell in (HH, l5pc):
            events = drawn(cell, seed)[1]
            assert np.all(np.diff(events.t) >= 0)
            assert events.t.size == 0 or 0 <= events.t.min() <= events.t.max() < 2000
            synaptic = events.t[events.channel < len(cell.channels) - 1]
            if len(synaptic) > 50:
                assert np.unique(np.round(synaptic % 0.025, 6)).size > 40


def test_weights_stay_in_the_channels_declared_range(l5pc):
    for seed in range(30):
        for cell in (HH, l5pc):
            events = drawn(cell, seed)[1]
            low, high = np.array([c.weight_uS for c in cell.channels])[events.channel].T
            assert np.all(events.weight >= low - 1e-6 * np.abs(low))
            assert np.all(events.weight <= high * (1 + 1e-6))


def test_the_rate_of_events_is_limited(l5pc):
    plan = draw_plan(l5pc, 5, duration_ms=2000)
    plan = dataclasses.replace(
        plan, course="steady", clusters=None, volleys=None, steps=np.empty((0, 3))
    )
    events = draw_events(l5pc, plan, [1e6] * 8)
    assert 50 < len(events.t) / 2000 < 62


def test_places_and_numbers_of_synapses_differ_from_trial_to_trial(l5pc):
    tree = Tree(l5pc)
    used, basal = [], []
    for seed in range(100):
        plan = draw_plan(l5pc, seed, duration_ms=1000)
        rate = plan.rate_Hz.sum(1) * tree.excitatory
        used.append(np.count_nonzero(rate))
        basal.append(rate[tree.region == "dend"].sum() / rate.sum())
    assert min(used) < 60
    assert max(used) > 400
    assert min(basal) < 0.05
    assert max(basal) > 0.95


def test_excitation_is_all_slow_where_no_other_is():
    cell = dataclasses.replace(HH, channels=HH.channels[1:])
    assert [c.role for c in cell.channels] == ["inhibitory", "slow"]
    for seed in range(20):
        assert draw_plan(cell, seed, duration_ms=500).rate_Hz[1].sum() > 0


def test_clusters_fall_on_one_branch_at_a_time(l5pc):
    plans = (draw_plan(l5pc, seed, duration_ms=8000) for seed in range(200))
    plan = next(
        p
        for p in plans
        if p.clusters is not None
        and len(np.unique(np.nonzero(p.rate_Hz)[0])) > 400
        and p.silence[1] == 0
    )
    clusters = dataclasses.replace(
        plan.clusters,
        branches=np.arange(1, len(l5pc.branch_parents)),
        rate_Hz=2.0,
        count=40.0,
    )
    plan = dataclasses.replace(
        plan, course="volleys", volleys=None, clusters=clusters, steps=np.empty((0, 3))
    )
    events = draw_events(l5pc, plan, [1.0] * 32)
    branch = np.array([c.branch for c in l5pc.channels])[events.channel]
    gaps = np.flatnonzero(np.diff(events.t) > 20.0)
    apart = [set(b.tolist()) for b in np.split(branch, gaps + 1)]
    assert len(apart) >= 4
    # some may have come at the same time
    assert sum(len(b) == 1 for b in apart) > 0.6 * len(apart)


VOLLEYS = Volleys(
    rate_Hz=2.0,
    total_uS=0.02,
    jitter_ms=0.1,
    lag_ms=1.0,
    inhibition=0.0,
    reach_um=np.inf,
    echo=0.0,
    echo_ms=8.0,
)


def volleys_alone(cell, plan, volleys, drive=1.0):
    """Events of 20 s."""
    plan = dataclasses.replace(
        plan,
        course="volleys",
        volleys=volleys,
        clusters=None,
        steps=np.empty((0, 3)),
        silence=(0.0, 0.0),
        duration_ms=20_000,
    )
    return draw_events(cell, plan, [drive] * 80)


def conductances(events, gap_ms=4.0):
    """Total weight (uS) of each volley, and when the next one starts (ms)."""
    starts = np.append(0, 1 + np.flatnonzero(np.diff(events.t) > gap_ms))
    return np.add.reduceat(events.weight, starts), np.diff(events.t[starts])


def test_a_volley_has_the_conductance_it_should():
    plan = draw_plan(HH, 0, duration_ms=20_000)
    totals, _ = conductances(volleys_alone(HH, plan, VOLLEYS))
    assert totals.mean() == pytest.approx(0.02, rel=0.25)


def test_volleys_are_as_strong_as_a_networks_where_there_are_dendrites(l5pc):
    for cell, low, high in ((HH, 0.03, 0.05), (l5pc, 0.7, 1.0)):
        plans = [draw_plan(cell, seed, duration_ms=2000) for seed in range(150)]
        plans = [p for p in plans if p.volleys]
        totals = [p.volleys.total_uS for p in plans]
        assert low < max(totals) <= high
        assert min(totals) < 0.005
        assert all(
            v.total_uS * v.echo <= high * 1.001 for v in (p.volleys for p in plans)
        )
        plan = plans[int(np.argmax(totals))]
        volleys = dataclasses.replace(VOLLEYS, total_uS=max(totals))
        # the drive makes no volley stronger than it may be
        found, _ = conductances(volleys_alone(cell, plan, volleys, drive=16.0))
        assert np.median(found) == pytest.approx(max(totals), rel=0.4)


def test_an_echo_comes_behind_its_volley():
    plan = draw_plan(HH, 0, duration_ms=20_000)
    volleys = dataclasses.replace(VOLLEYS, echo=2.0)
    totals, gaps = conductances(volleys_alone(HH, plan, volleys))
    assert np.mean(np.abs(gaps - 8.0) < 1.0) > 0.35
    assert totals.mean() == pytest.approx(0.03, rel=0.25)


def test_the_volleys_of_a_network_are_answered(l5pc):
    for cell, most in ((HH, 0.05), (l5pc, 1.0)):
        seeds = range(NETWORK_SEEDS, NETWORK_SEEDS + 60)
        plans = [draw_plan(cell, seed, duration_ms=2000) for seed in seeds]
        assert all(0.02 * most <= p.volleys.total_uS <= 0.1 * most for p in plans)
        assert all(not len(p.steps) and p.silence == (0.0, 0.0) for p in plans)
    near = [p.volleys.answers.reach_um < np.inf for p in plans]
    assert 0.6 < np.mean(near) < 1.0
    some = [p for p in plans if np.count_nonzero(p.weight_uS) > 500][:8]
    totals, behind = [], []
    for plan in some:
        answers = dataclasses.replace(plan.volleys.answers, jitter_ms=0.1)
        volleys = dataclasses.replace(VOLLEYS, answers=answers)
        found, gaps = conductances(volleys_alone(l5pc, plan, volleys), 0.9)
        totals.extend(found)
        behind.extend(gaps[gaps < 12.0])
    first = len(totals) - len(behind)
    assert first > 200
    assert len(behind) / first == pytest.approx(2.5, rel=0.2)
    assert np.median(behind) == pytest.approx(20**0.5, rel=0.2)  # 2 to 10 ms
    assert 0.4 < max(totals) < 0.7
    # of them 1 / 3.5 are around 0.02, the others log-uniform from there to 0.5
    median = 0.02 * 25 ** ((0.5 - 1 / 3.5) * 3.5 / 2.5)
    assert np.median(totals) == pytest.approx(median, rel=0.3)


def test_volleys_come_around_the_soma_or_where_other_events_come(l5pc):
    um = np.array([c.distance_um for c in l5pc.channels])
    plans = [draw_plan(l5pc, seed, duration_ms=2000) for seed in range(60)]
    plan = max(plans, key=lambda p: np.count_nonzero(p.weight_uS))  # places everywhere
    far = um[volleys_alone(l5pc, plan, VOLLEYS).channel]
    near = dataclasses.replace(VOLLEYS, reach_um=40.0)
    near = um[volleys_alone(l5pc, plan, near).channel]
    assert np.median(near) < 60.0 < 200.0 < np.median(far)
    reaches = [p.volleys.reach_um for p in plans if p.volleys]
    assert 0.25 < np.mean(np.isfinite(reaches)) < 0.75
    plans = [draw_plan(HH, seed, duration_ms=2000) for seed in range(60)]
    assert all(p.volleys.reach_um == np.inf for p in plans if p.volleys)


def test_a_target_rate_is_one_that_brings_a_spike():
    low, high = HH.output_Hz
    for ms, least in ((1, high), (500, 2.0), (100_000, low)):
        plans = [draw_plan(HH, seed, duration_ms=ms) for seed in range(100)]
        targets = [p.target_Hz for p in plans if p.target_Hz == p.target_Hz]
        assert 0.999 * least < min(targets) < 1.5 * least
        assert max(targets) == pytest.approx(high, rel=0.2)


def test_regular_sources_keep_their_rate_across_stretches():
    rng = np.random.default_rng(1)
    rate = np.array([10.0, 40.0, 200.0])
    for noise in (0.0, 0.5, 1.0):
        due = rng.random(3)
        times = [[], [], []]
        for start in range(0, 60_000, 250):
            t, source = regular(rng, rate, noise, due, float(start), 250.0)
            for k in range(3):
                times[k].append(t[source == k])
        for k in range(3):
            gaps = np.diff(np.concatenate(times[k]))
            assert gaps.mean() == pytest.approx(1e3 / rate[k], rel=0.15 * noise + 1e-6)
            assert gaps.std() / gaps.mean() == pytest.approx(noise, abs=0.15)


def test_a_clamps_charge_is_an_event_for_each_run_of_constant_current():
    steps = np.array([[1.2, 3.5, 2.0], [3.5, 3.9, -1.0], [7.0, 8.0, 0.5]])
    t, charge = clamp_events(steps, 10)
    assert t == pytest.approx([1.6, 2.5, 3.25, 3.7, 7.5])
    assert charge == pytest.approx([1.6, 2.0, 1.0, -0.4, 0.5])


def test_the_clamp_is_among_the_events_of_its_channel(l5pc):
    seed = next(s for s in range(99) if len(draw_plan(l5pc, s, duration_ms=2000).steps))
    plan, events = drawn(l5pc, seed)
    mine = events.channel == len(l5pc.channels) - 1
    total = ((plan.steps[:, 1] - plan.steps[:, 0]) * plan.steps[:, 2]).sum()
    assert events.weight[mine].sum() == pytest.approx(total, rel=1e-4)
    assert events.steps is plan.steps
