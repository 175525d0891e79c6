"""Metric definitions on cases small enough to do by hand."""

import numpy as np
import pytest

from ann_backend import metrics


def trains(*lists):
    return [np.array(x, float) for x in lists]


def test_auc_is_one_for_a_perfect_score_and_a_half_for_a_constant_one():
    spike = [0, 0, 1, 0, 1]
    assert metrics.auc([0.1, 0.2, 0.9, 0.3, 0.8], spike) == 1.0
    assert metrics.auc([0.5] * 5, spike) == 0.5


def test_auc_counts_the_pairs_in_the_right_order():
    # positives .4 and .8 against negatives .1, .4, .6: wins 1.5 + 3 of 6
    assert metrics.auc([0.1, 0.4, 0.4, 0.6, 0.8], [0, 0, 1, 0, 1]) == 4.5 / 6


def test_auc_equals_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    score = rng.integers(0, 50, 2000) / 50
    spike = rng.random(2000) < 0.1 + 0.3 * score
    expected = sklearn.roc_auc_score(spike, score)
    assert metrics.auc(score, spike) == pytest.approx(expected, abs=1e-12)


def test_auc_without_spikes_is_nan():
    assert np.isnan(metrics.auc([0.1, 0.2], [0, 0]))


def test_matching_is_one_to_one():
    assert metrics.matches([10.0, 10.5], [10.2], 1.0) == 1


def test_a_lag_of_exactly_the_window_matches():
    assert metrics.matches([11.0], [10.0], 1.0) == 1
    assert metrics.matches([11.001], [10.0], 1.0) == 0


def test_matching_finds_the_largest_number_of_pairs():
    # nearest-first would pair 2.0 with 2.1 and leave 1.0 and 3.0 alone
    assert metrics.matches([2.0, 3.0], [1.0, 2.1], 1.0) == 2


def test_f1_is_pooled_over_trials():
    found, true = trains([1, 50], []), trains([1], [7])
    assert metrics.f1_pooled(found, true, 1.0) == pytest.approx(2 * 1 / (2 + 2))
    assert metrics.f1(1, 2, 2) == 0.5


def test_f1_of_two_silent_cells_is_one():
    assert metrics.f1_pooled(trains([]), trains([]), 1.0) == 1.0


def test_the_papers_window_is_its_full_width():
    assert metrics.precision_recall(trains([5, 30]), trains([0])) == (0.5, 1.0)
    assert metrics.precision_recall(trains([5.1]), trains([0])) == (0.0, 0.0)


def test_voltage_above_the_clip_does_not_count():
    assert metrics.vm_rmse([-60, 30], [-60, -50]) == 0.0
    assert metrics.vm_rmse([-60, -60], [-63, -60]) == pytest.approx(np.sqrt(4.5))


def test_variance_explained_of_the_mean_is_zero():
    true = np.array([-70.0, -60.0])
    assert metrics.variance_explained([-65, -65], true) == pytest.approx(0.0)
    assert metrics.variance_explained(true, true) == 1.0


def test_rates_are_compared_per_trial_and_pooled():
    found, true = trains([1, 2, 3], [4]), trains([1, 2], [4, 5])
    difference, rate = metrics.rate_error(found, true, 1000.0)
    assert difference.tolist() == [1.0, -1.0]
    assert rate.tolist() == [2.0, 2.0]
    assert metrics.rate_error_pooled(found, true) == 0.0


def test_isi_distance_is_the_largest_gap_of_the_distributions():
    assert metrics.isi_ks(trains([0, 10, 20]), trains([0, 10, 20])) == 0.0
    assert metrics.isi_ks(trains([0, 10, 30]), trains([0, 10, 20])) == 0.5


def test_isis_do_not_cross_trials():
    assert np.isnan(metrics.isi_ks(trains([0], [5]), trains([0], [5])))


def test_burst_fraction_counts_spikes_with_a_close_neighbour():
    assert metrics.burst_fraction(trains([0, 10, 100, 200])) == 0.5
