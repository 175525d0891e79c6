"""Where it breaks down, the shape of the spike, and the page, on made-up responses."""

import re

import numpy as np
import pytest

from ann_backend.train.breakdown import breakdown, failures, fano
from ann_backend.train.tally import Response, tally
from ann_backend.train.waveform import around_spikes, peak_and_width


def trials(counts, late_ms=0.0):
    """A spike every 20 ms, so many in each trial."""
    spikes = [20.0 * np.arange(n) + 10 + late_ms for n in counts]
    return Response(None, np.zeros((len(counts), 2000), np.float32), spikes)


def test_poisson_input_has_a_fano_factor_of_one_and_volleys_more():
    rng = np.random.default_rng(0)
    t = np.sort(rng.uniform(0, 60_000, 30_000))
    assert fano(t, 60_000) == pytest.approx(1.0, abs=0.05)
    assert fano(np.repeat(t[::20], 20), 60_000) == pytest.approx(20, rel=0.15)
    assert np.isnan(fano(np.empty(0), 1000))


def test_trials_are_binned_and_every_bin_has_its_spikes_and_floor():
    true = trials([80, 60, 4, 2])
    found = Response(None, true.v, [trials([80], 3.0).spikes[0], *true.spikes[1:]])
    sums = tally(found, true, clip_mV=-55)
    floor = tally(true, true, clip_mV=-55)
    values = {"output_rate_Hz": [40, 30, 2, 1], "synapses": [9, np.nan, 5, 5]}
    bins = breakdown(sums, floor, values)
    rates = bins["output_rate_Hz"]
    assert [b["spikes"] for b in rates] == [2, 4, 140]
    assert [b["f1_2ms"] for b in rates] == pytest.approx([1, 1, 60 / 140])
    assert [b["floor_f1_2ms"] for b in rates] == [1, 1, 1]
    assert sum(b["trials"] for b in bins["synapses"]) == 3
    (bin_,) = breakdown(sums, floor, {"synapses": [5] * 4})["synapses"]
    assert (bin_["low"], bin_["high"], bin_["trials"]) == (5, 5, 4)
    (line,) = failures({"output_rate_Hz": rates})
    assert line.startswith("output_rate_Hz 30 to 40: F1@2 ms 0.429, floor 1.000 (140")


def test_a_property_that_no_trial_has_is_empty():
    sums = tally(trials([3]), trials([3]), clip_mV=-55)
    assert breakdown(sums, sums, {"synapses": [np.nan]}) == {"synapses": []}


def test_peak_and_width_of_a_triangle():
    v = np.interp(np.arange(-10, 11), [-10, 0, 10], [-55, 45, -55])
    assert peak_and_width(v, 0.1, -55.0) == (45.0, pytest.approx(1.0))
    assert np.isnan(peak_and_width(v[:11], 0.1, -55.0)[1])


def test_only_bins_within_5_ms_of_a_teachers_spike_count():
    true = Response(None, np.zeros((1, 100), np.float32), [np.array([50.5])])
    v = np.zeros((1, 100), np.float32)
    v[0, 45:55] = 2.0  # bins that end at 46 to 55 ms
    v[0, 20] = 100.0
    assert around_spikes(Response(None, v, true.spikes), true) == pytest.approx(2.0)
    assert np.isnan(around_spikes(trials([0]), trials([0])))


def numbers(value):
    keys = ("auc", "f1_0.5ms", "f1_1ms", "f1_2ms", "f1_5ms", "vm_rmse_mV")
    keys = (*keys, "variance_explained", "rate_error")
    return dict.fromkeys(keys, value) | {"confidence_95": {key: [0, 1] for key in keys}}


def test_the_page_refers_to_nothing_outside_itself():
    pytest.importorskip("matplotlib")
    from ann_backend.cli._page import page
    from ann_backend.fidelity_plots import figures

    bins = [{"low": 1, "high": 2, "trials": 1, "spikes": 5, **numbers(0.9)}]
    bins[0] |= {f"floor_{key}": None for key in numbers(0)}
    measured = {
        **numbers(0.5),
        "bundle": "a < b",
        "cell": "HH",
        "manifest_sha256": "f" * 64,
        "teacher": "NEURON",
        "trials": 1,
        "seconds_per_trial": 2,
        "spikes": 5,
        "rate_Hz": [0.0, 2.5],
        "rate_trials_within": {"3 %": 1.0},
        "floor": numbers(None),
        "first_300ms": {"spikes": 0, **numbers(None), "floor": numbers(None)},
        "stock_neuron": {"spikes": 3, **numbers(0.4), "floor": numbers(0.9)},
        "where_the_teacher_is_sure": {"trials": 0},
        "at_usual_rates": {"trials": 0, "range_Hz": [0.1, 20.0]},
        "told_the_teachers_spikes": {**numbers(0.9), "at_usual_rates": {"trials": 0}},
        "breakdown": {"output_rate_Hz": bins, "synapses": []},
        "breaks_down_at": ["output_rate_Hz 1 to 2"],
        "drift": {
            "seconds": 2,
            **{k: [0.1, None] for k in numbers(0)},
            "last_10s_begun_anew": numbers(0.2),
        },
        "action_potential": None,
        "network": None,
        "current_steps": {
            "amplitude_nA": [0.1, 0.2],
            "rate_Hz": [0, 5],
            "rate_Hz_neuron": [0, 6],
        },
        "details": {
            "trials": [{"rate_Hz": 2.0, "rate_Hz_teacher": 0.0, "f1_2ms": 1.0}],
            "intervals": {
                "edges_ms": [1, 2, 3],
                "surrogate": [1, 0],
                "teacher": [0, 1],
            },
            "examples": [],
        },
    }
    measured["details"]["trials"][0]["floor_f1_2ms"] = None
    text = page(measured, figures(measured))
    assert "<h1>a &lt; b against HH</h1>" in text
    assert "<h2>f-I curve</h2>" in text
    assert "<th>all, told the teacher's spikes</th>" in text
    assert re.findall(r"(?:src|href)='(?!data:)", text) == []
    assert "http" not in re.sub(r"base64,[^']*", "", text)
