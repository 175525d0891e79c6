"""L5PC: the claims that a thick-tufted layer 5 pyramidal cell makes."""

import argparse
import dataclasses
import math

import numpy as np
import pytest

import ann_backend
from ann_backend.cells.features import half_width, passive, spike_times
from ann_backend.cells.figure import draw
from ann_backend.cells.l5pc import FAR, HOT, NEAR, SOMA, Characterised, characterise
from ann_backend.cells.published import FEATURES
from ann_backend.cells.rig import Rig, at, epsp, step
from ann_backend.cli import cell as command
from ann_backend.nrn import h
from ann_backend.template import fingerprint

REST_MV, STEP_NA = -74.3, 0.793


@pytest.fixture(scope="module")
def cell():
    return ann_backend.load("L5PC")()


@pytest.fixture(scope="module")
def found(cell):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rig, "dt_ms", 0.05)  # twice as fast; only the AP's peak suffers
        return characterise(cell, currents=(0.3, STEP_NA))


def published(found, name):
    known = FEATURES[name]
    return known.low <= found.values[name] <= known.high


# ---- the template


def test_the_subsets_hold_every_section_once(cell):
    names = [s.name() for s in cell.all]
    parts = [cell.somatic, cell.basal, cell.apical, cell.axonal]
    assert sorted(names) == sorted(s.name() for part in parts for s in part)
    assert [len(list(part)) for part in parts] == [1, 42, 39, 2]


def test_two_cells_are_the_same(cell):
    other = ann_backend.load("L5PC")()
    digests = [fingerprint(c, -75, 34)["digest"] for c in (cell, other)]
    assert digests[0] == digests[1]


def test_segments_follow_the_d_lambda_rule_and_stay_few(cell):
    for section in cell.all:
        diameter = (section.diam3d(0) + section.diam3d(section.n3d() - 1)) / 2
        length = 1e5 * math.sqrt(
            diameter / (4 * math.pi * 100 * section.Ra * section(0.5).cm)
        )
        assert section.L / section.nseg <= 0.1001 * length * 1.1
        assert section.nseg % 2 == 1
    assert 300 <= sum(s.nseg for s in cell.all) <= 450


def test_the_trunk_is_about_600_um_long_and_the_tuft_reaches_beyond_1000(cell):
    trunk = cell.apic[0]
    assert abs(trunk.L - 620) < 0.1
    tips = [h.distance(cell.soma(0.5), s(1)) for s in cell.apical]
    assert max(tips) > 1000
    with pytest.raises(ValueError, match="no apical dendrite at 5000"):
        at(cell, 5000.0)


# ---- what it does


def test_it_rests_where_the_template_says(found):
    assert found.values["resting potential"] == pytest.approx(REST_MV, abs=0.1)
    assert published(found, "resting potential")


@pytest.mark.parametrize("name", ["input resistance", "time constant", "sag"])
def test_a_small_step_shows_the_published_membrane(found, name):
    assert published(found, name)


def test_an_action_potential_runs_up_the_trunk_and_shrinks(found):
    heights = found.curves["bAP"][1]
    assert found.values["bAP: spikes"] == 1
    assert heights[SOMA] > heights[NEAR] > heights[HOT] > heights[FAR]
    assert published(found, "bAP at 620 um")
    assert published(found, "bAP at 800 um")
    arrivals = found.traces["AP"].v.argmax(axis=1)
    assert arrivals[SOMA] < arrivals[NEAR] < arrivals[FAR]


def test_ap_and_epsp_together_make_a_burst_that_neither_makes(found):
    assert found.values["bAP: spikes"] == 1
    assert found.values["EPSP alone: spikes"] == 0
    assert found.values["BAC: spikes"] == 3
    assert found.values["BAC: interval"] < 15
    assert published(found, "BAC: Ca spike peak")
    assert found.traces["AP"].v[HOT].max() < -30
    assert found.traces["AP and EPSP"].v[HOT].max() > 0


def test_an_action_potential_lowers_the_threshold_of_the_calcium_spike(found):
    assert 1.0 < found.values["Ca spike threshold"] < 3.0
    assert found.values["coupling by an AP"] > 35
    spike = found.traces["Ca spike"]
    assert spike.v[HOT].max() > 0
    assert len(spike_times(spike.t, spike.v[SOMA])) >= 2


def test_a_critical_frequency_of_action_potentials_evokes_a_calcium_spike(found):
    assert published(found, "critical frequency")


def test_steps_of_current_evoke_the_published_rate(found):
    assert found.curves["f-I"][1][0] == 0
    assert published(found, f"{STEP_NA} nA: rate")
    assert published(found, f"{STEP_NA} nA: first interval")


def test_without_the_hot_zone_there_is_no_calcium_spike_and_no_burst():
    other = ann_backend.load("L5PC")()
    for section in other.apical:
        for segment in section:
            segment.gbar_ann_CaLVA = segment.gbar_ann_CaHVA = 0
    rig = Rig(other, celsius=34, v_init=-75, sites=(0.0, 750.0), dendrite=620.0)
    t = rig.times(80.0)
    trace = rig.run(80.0, step(t, 20.0, 5.0, 1.9), epsp(t, 25.0, 0.5))
    assert len(spike_times(trace.t, trace.v[0])) == 1
    assert trace.v[1].max() < -30


# ---- how it is measured and told


def test_features_of_traces_that_are_known():
    t = np.arange(0, 700, 0.025)
    v = np.full_like(t, -70.0)
    fall = (t >= 100) & (t < 600)
    v[fall] = -70 - 2 * (1 - np.exp(-(t[fall] - 100) / 12))
    shown = passive(t, v, 100, 600, -0.05)
    assert shown["resistance"] == pytest.approx(40, rel=1e-3)
    assert shown["tau"] == pytest.approx(12, rel=1e-2)
    assert shown["sag"] == pytest.approx(0, abs=1e-6)
    triangle = np.interp(t, [300, 301, 302], [-70, 30, -70])
    assert spike_times(t, triangle) == pytest.approx([300.5], abs=0.026)
    assert half_width(t, triangle) == pytest.approx(1.0, abs=0.01)
    assert math.isnan(half_width(t, v))


def test_an_epsp_like_current_peaks_at_its_amplitude():
    t = np.arange(0, 60, 0.01)
    current = epsp(t, 10.0, 0.5)
    assert current.max() == pytest.approx(0.5, rel=1e-5)
    assert not current[t < 10].any()


def test_a_feature_out_of_its_range_is_reported_as_a_miss(found):
    values = {"bAP at 620 um": 5.0, "Ca spike threshold": 2.0, "sag": math.nan}
    rows = {r["feature"]: r for r in Characterised(values=values).records()}
    assert [rows[name]["within"] for name in values] == ["NO", "-", "NO"]
    assert rows["sag"]["measured"] is None
    assert all(r["source"] for r in found.records())


def test_the_command_tells_every_feature_and_draws_them(found, tmp_path, monkeypatch):
    monkeypatch.setattr("ann_backend.cells.l5pc.characterise", lambda _: found)
    figure = tmp_path / "made" / "l5pc.png"
    result = command.run(argparse.Namespace(cell="L5PC", figure=figure))
    assert result["figure"] == str(figure)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert result["segments"] == 408
    assert 0 < result["within"] <= result["of"] <= len(result["features"])


def test_a_figure_needs_no_published_steps(cell, found, tmp_path):
    fewer = dataclasses.replace(found, traces=dict(found.traces))
    del fewer.traces[f"{STEP_NA} nA"]
    assert draw(cell, fewer, tmp_path / "fewer.png").exists()
