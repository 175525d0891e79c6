"""Sums over trials: the same numbers as the definitions, for any choice of trials."""

import numpy as np
import pytest

from ann_backend import metrics
from ann_backend.train.tally import KEYS, Response, intervals, scores, tally

CLIP = -55.0


def response(rng, trials=5, bins=400, hazard=True):
    spikes = [np.sort(rng.uniform(0, bins, rng.integers(0, 9))) for _ in range(trials)]
    v = rng.normal(-62, 6, (trials, bins)).astype(np.float32)
    p = rng.random((trials, bins)).astype(np.float32) if hazard else None
    return Response(p, v, spikes)


@pytest.fixture
def both():
    rng = np.random.default_rng(5)
    true = response(rng, hazard=False)
    jitter = [np.sort(s + rng.normal(0, 1, len(s))) for s in true.spikes]
    found = response(rng)
    return Response(found.hazard, found.v, [*jitter[:3], *found.spikes[3:]]), true


def spiking(response):
    bins = np.zeros(response.v.shape, bool)
    for k, times in enumerate(response.spikes):
        bins[k, times.astype(int)] = True
    return bins


def test_scores_are_the_metrics_of_all_trials_together(both):
    found, true = both
    made = scores(tally(found, true, clip_mV=CLIP))
    trains = found.spikes, true.spikes
    assert made["auc"] == pytest.approx(metrics.auc(found.hazard, spiking(true)))
    for window in (0.5, 1, 2, 5):
        expected = metrics.f1_pooled(*trains, window)
        assert made[f"f1_{window:g}ms"] == pytest.approx(expected)
    assert made["vm_rmse_mV"] == pytest.approx(
        metrics.vm_rmse(found.v, true.v, clip_mV=CLIP)
    )
    assert made["variance_explained"] == pytest.approx(
        metrics.variance_explained(found.v, true.v, clip_mV=CLIP)
    )
    assert made["rate_error"] == pytest.approx(metrics.rate_error_pooled(*trains))
    expected = metrics.precision_recall(*trains)
    assert (made["precision_10ms"], made["recall_10ms"]) == pytest.approx(expected)


def test_a_trial_that_counts_twice_is_as_good_as_two_trials(both):
    found, true = both
    chosen = [0, 0, 3]
    twice = [
        Response(
            None if r.hazard is None else r.hazard[chosen],
            r.v[chosen],
            [r.spikes[k] for k in chosen],
        )
        for r in both
    ]
    once = scores(tally(found, true, clip_mV=CLIP), [2, 0, 0, 1, 0])
    assert once == pytest.approx(scores(tally(*twice, clip_mV=CLIP)))


def test_a_response_against_itself_is_perfect_whatever_scores_its_bins(both):
    _, true = both
    made = scores(tally(true, true, clip_mV=CLIP))
    assert made["auc"] == made["f1_0.5ms"] == made["variance_explained"] == 1.0
    assert made["vm_rmse_mV"] == made["rate_error"] == 0.0


def test_without_spikes_what_needs_them_is_nan():
    silent = Response(None, np.full((2, 50), -70, np.float32), [np.empty(0)] * 2)
    made = scores(tally(silent, silent, clip_mV=CLIP))
    assert made["f1_1ms"] == 1.0
    assert np.isnan([made["auc"], made["rate_error"], made["variance_explained"]]).all()


def test_a_cut_starts_its_own_clock(both):
    part = both[1].cut(100, 250)
    assert part.v.shape == (5, 150)
    for whole, cut in zip(both[1].spikes, part.spikes, strict=True):
        inside = (whole >= 100) & (whole < 250)
        assert np.array_equal(cut, whole[inside] - 100)


def test_intervals_hold_the_score_and_repeat_with_their_seed(both):
    sums = tally(*both, clip_mV=CLIP)
    bounds, made = intervals(sums, draws=300), scores(sums)
    assert bounds == intervals(sums, draws=300)
    assert bounds != intervals(sums, draws=300, seed=1)
    for key in KEYS:
        low, high = bounds[key]
        assert low < made[key] < high


def test_intervals_of_one_trial_have_no_width(both):
    sums = tally(*both, clip_mV=CLIP)
    low, high = intervals(sums, [0, 0, 1, 0, 0], draws=5)["f1_2ms"]
    assert low == high == scores(sums, [0, 0, 1, 0, 0])["f1_2ms"]
