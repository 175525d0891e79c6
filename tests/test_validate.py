"""One measuring function: every metric beside the floor, on seconds of HH."""

import dataclasses
import json
import sys

import numpy as np
import pytest

from ann_backend import paths
from ann_backend.__main__ import main
from ann_backend.bundle import load
from ann_backend.cli.validate import text
from ann_backend.errors import CellError
from ann_backend.train import drift, evidence, stock, validate
from ann_backend.train.cell import HH, ChannelDescription
from ann_backend.train.evidence import Amount, Drawn, gather
from ann_backend.train.free_run import free_run
from ann_backend.train.network import draw_graph
from ann_backend.train.tally import KEYS, Response, tally

BUNDLE = paths.bundle_dir() / "HH.safetensors"
SMALL = Amount(trials=4, trial_s=2, long_trials=1, stock_trials=2, network_s=2)
CURRENT = ChannelDescription(
    name="current",
    location="soma(0.5)",
    synapses=(("IClamp", {}),),
    role="current",
    unit_uS=0.1,
    rate_Hz=1000.0,
    tau_ms=(0.5, 2.0, 10.0, 60.0),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trials")


@pytest.fixture(scope="module", autouse=True)
def _short():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "DRIFT_S", 3)
        yield


@pytest.fixture(scope="module")
def found(folder, hh):
    return gather(hh, folder, seed=2, amount=SMALL, processes=1, quiet=True)


@pytest.fixture(scope="module")
def measured(found):
    return validate.measure(load(BUNDLE), found, draws=50, quiet=True)


def test_every_metric_stands_beside_its_floor(measured):
    assert measured["spikes"] > 10
    for key in KEYS:
        low, high = measured["confidence_95"][key]
        assert low <= measured[key] <= high
        assert key in measured["floor"]
        assert key in measured["first_300ms"]
        assert len(measured["drift"][key]) == measured["drift"]["seconds"] == 3
    assert measured["f1_2ms"] > 0.8
    assert measured["floor"]["f1_2ms"] > 0.9
    assert measured["floor"]["vm_rmse_mV"] < 1.0


def test_drift_is_told_from_what_the_input_does(found, monkeypatch):
    def run(warm_ms):
        monkeypatch.setattr(drift, "ENDS", 1)
        monkeypatch.setattr(drift, "WARM_MS", warm_ms)
        return drift.drift(load(BUNDLE), found.long, 5, quiet=True)

    whole = run(2000)  # begun where the trial begins
    assert whole["last_1s_begun_anew"] == whole["last_1s"]
    late = run(500)  # HH forgets within that
    assert late["last_1s"] == whole["last_1s"]
    assert late["last_1s_begun_anew"]["f1_2ms"] > 0.8
    assert late["last_1s_begun_anew"] != late["last_1s"]


def test_trials_of_usual_rates_have_their_own_scores():
    true = [np.arange(0.5, 1000, 1000 / n) for n in (1, 10, 50)]
    quiet = Response(None, np.zeros((3, 1000), "f4"), [*true[:2], np.empty(0)])
    sums = tally(quiet, Response(None, quiet.v, true), clip_mV=0.0)
    found = validate._at_usual_rates(sums, sums)
    assert found["trials"] == 2
    assert found["spikes"] == 11
    assert found["f1_1ms"] == 1.0


def test_the_result_is_json_without_nan_and_a_summary_without_details(measured):
    assert json.loads(json.dumps(measured, allow_nan=False)) == measured
    left = measured.keys() - validate.summary(measured).keys()
    assert left == {"details"}


def test_the_surrogate_is_held_against_stock_neuron(measured, found):
    assert measured["teacher"] == found.teacher
    if found.stock is None:
        assert measured["stock_neuron"] == "the teacher is stock NEURON at dt 0.025"
        return
    assert measured["stock_neuron"]["trials"] == SMALL.stock_trials
    assert measured["stock_neuron"]["floor"]["f1_2ms"] > 0.98
    assert measured["stock_neuron"]["f1_2ms"] > 0.8


def test_the_spike_is_the_teachers(measured):
    ap = measured["action_potential"]
    assert ap["peak_mV"] == pytest.approx(ap["peak_mV_teacher"], abs=8)
    assert ap["width_ms"] == pytest.approx(ap["width_ms_teacher"], rel=0.15)


def test_a_network_of_surrogates_fires_as_the_network_in_neuron(measured):
    network = measured["network"]
    assert network["synapses"] > 20
    assert network["spikes"] > 50
    assert abs(network["rate_error"]["surrogate"]) < 0.15
    assert network["psth_correlation"]["surrogate"] > 0.8
    assert abs(network["rate_error"]["half_step"]) < 0.05


def test_bins_of_a_property_hold_all_spikes(measured):
    bins = measured["breakdown"]
    assert bins.keys() == {"output_rate_Hz", "weight_scale", "synapses", "synchrony"}
    assert sum(b["spikes"] for b in bins["output_rate_Hz"]) == measured["spikes"]


def test_without_a_current_channel_there_is_no_f_i_curve(measured):
    said = "not applicable: the bundle has no current channel"
    assert measured["current_steps"] == said


def test_one_that_hears_no_spikes_is_told_none(measured):
    assert measured["told_the_teachers_spikes"] is None


def test_a_second_gathering_simulates_nothing(found, folder, hh):
    before = sorted(p.stat().st_mtime_ns for p in folder.rglob("*.npz"))
    again = gather(hh, folder, seed=2, amount=SMALL, processes=1, quiet=True)
    assert sorted(p.stat().st_mtime_ns for p in folder.rglob("*.npz")) == before
    assert np.array_equal(again.half.v, found.half.v)


def test_another_number_of_trials_finds_the_same_ones(found, folder, hh):
    fewer = dataclasses.replace(SMALL, trials=2)
    again = gather(hh, folder, seed=2, amount=fewer, processes=1, quiet=True)
    assert len(again.test.trials) == 2
    assert np.array_equal(again.test.trials[1].v, found.test.trials[1].v)


def test_free_running_does_not_depend_on_the_batch(found, monkeypatch):
    events = Drawn(found.test.trials)
    whole = free_run(load(BUNDLE).engine, events, 2000, quiet=True)
    monkeypatch.setattr("ann_backend.train.free_run.ROWS", 3)
    monkeypatch.setattr("ann_backend.train.free_run.CHUNK_MS", 70)
    parts = free_run(load(BUNDLE).engine, events, 2000, quiet=True)
    assert np.array_equal(whole.v, parts.v)
    assert np.array_equal(whole.hazard, parts.hazard)
    for a, b in zip(whole.spikes, parts.spikes, strict=True):
        assert np.array_equal(a, b)


def test_the_f_i_curve_is_that_of_a_clamp_in_neuron(folder, monkeypatch):
    cell = dataclasses.replace(HH, channels=(*HH.channels, CURRENT))
    steps = stock.step_currents(cell, folder, processes=1)
    assert steps.amplitude_nA[-1] == pytest.approx(0.4)
    assert steps.events[-1].weight.sum() == pytest.approx(0.4 * 1000)
    rates = steps.rates(steps.response)
    assert rates[0] <= 1
    assert rates[-1] > 40
    assert steps.response.v.shape == (8, 1200)
    before = [(s < 100).sum() for s in steps.response.spikes]
    assert before == [0] * 8
    monkeypatch.setattr(validate, "free_run", lambda *_, **__: steps.response)
    made = validate._current_steps(load(BUNDLE), steps)
    assert made["within_10_percent"] == 1.0
    assert made["rate_Hz"] == rates.tolist()


def test_a_response_without_spikes_has_no_waveform():
    from ann_backend.train.waveform import waveform

    assert waveform(load(BUNDLE), None) == (None, None)


def test_trials_as_long_as_the_longest_are_a_set_of_their_own(hh, tmp_path):
    amount = dataclasses.replace(SMALL, trials=1, trial_s=3, stock_trials=0)
    amount = dataclasses.replace(amount, network_cells=0)
    found = gather(hh, tmp_path, seed=1, amount=amount, processes=1, quiet=True)
    assert np.array_equal(found.long.trials[0].v, found.test.trials[0].v)


def test_cells_are_connected_by_what_excites_them(found):
    for roles, used in (
        (("excitatory", "inhibitory", "slow"), {0}),
        (("current", "inhibitory", "slow"), {2}),
        (("current", "inhibitory", "inhibitory"), set()),
    ):
        both = zip(HH.channels, roles, strict=True)
        some = tuple(dataclasses.replace(c, role=role) for c, role in both)
        cell = dataclasses.replace(HH, channels=some)
        graph = draw_graph(cell, found.network.trials, 1)
        assert set(graph.channel.tolist()) == used
        assert len(graph.source) == len(graph.weight_uS) == len(graph.delay_ms)


# what a user can get wrong


def test_trials_of_another_cell_than_the_bundles_are_refused(found):
    other = found.test.fingerprint | {"digest": "a" * 64, "sections": {}}
    test = dataclasses.replace(found.test, fingerprint=other)
    with pytest.raises(CellError, match="trained on another cell"):
        validate.measure(load(BUNDLE), dataclasses.replace(found, test=test))


def test_a_bundle_of_other_channels_is_refused():
    cell = dataclasses.replace(HH, channels=HH.channels[:2])
    with pytest.raises(CellError, match=r"has 3 channels, the cell 2.*differ in NMDA"):
        validate.fit_together(load(BUNDLE), cell)


def test_a_bundle_of_another_temperature_is_refused():
    with pytest.raises(CellError, match=r"trained at celsius = 6\.3, the cell has 9"):
        validate.fit_together(load(BUNDLE), dataclasses.replace(HH, celsius=9.0))


def test_a_bundle_of_another_geometry_is_refused_with_what_differs(tmp_path):
    hoc = tmp_path / "HH.hoc"
    text = (paths.hoc_dir() / "HH.hoc").read_text()
    hoc.write_text(text.replace("25", "26"))
    with pytest.raises(CellError, match=r"trained on another cell:\s+soma (L|diam)"):
        validate.fit_together(load(BUNDLE), dataclasses.replace(HH, hoc_file=hoc))


def refused(capsys, *args):
    assert main(["validate", *map(str, args), "--quiet"]) == 1
    return capsys.readouterr().err


def test_the_command_names_what_is_missing(tmp_path, capsys):
    assert "readable bundle file" in refused(capsys, tmp_path / "x.safetensors", "HH")
    said = refused(capsys, "HH", "Purkinje")
    assert "expected a cell that ships (HH" in said
    assert "got 'Purkinje'" in said
    assert "there is none" in refused(capsys, "HH", f"{tmp_path}/cell.py:CELL")
    (tmp_path / "cell.py").write_text("CELL = 3\n")
    said = refused(capsys, "HH", f"{tmp_path}/cell.py:CELL")
    assert "expected a CellDescription named 'CELL'" in said
    assert "--trials: expected 1 or more, got 0" in refused(
        capsys, "HH", "HH", "--trials", 0
    )


def test_the_command_refuses_a_page_that_it_cannot_make(tmp_path, capsys, monkeypatch):
    said = refused(capsys, "HH", "HH", "--html", tmp_path)
    assert f"--html: expected a file to write, got folder '{tmp_path}'" in said
    (tmp_path / "file").write_text("")
    said = refused(capsys, "HH", "HH", "--html", tmp_path / "file" / "page.html")
    assert "give another path" in said
    monkeypatch.setitem(sys.modules, "ann_backend.fidelity_plots", None)
    said = refused(capsys, "HH", "HH", "--html", tmp_path / "page.html")
    assert "pip install 'ann_backend[plot]'" in said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bundle", "--out: expected a path that ends in .safetensors, got"),
        ("folder.safetensors", "--out: expected a file to write, got folder"),
        ("file/x.safetensors", "give another path"),
        ("x" * 250 + ".safetensors", "give another path"),
    ],
)
def test_the_command_refuses_a_bundle_that_it_cannot_write(
    tmp_path, capsys, name, said
):
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "file").write_text("")
    assert said in refused(capsys, "HH", "HH", "--out", tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.safetensors"]


def test_the_command_takes_a_cell_from_a_file_and_refuses_another_one(tmp_path, capsys):
    (tmp_path / "cell.py").write_text(
        "import dataclasses\nfrom ann_backend.train.cell import HH\n"
        "WARM = dataclasses.replace(HH, name='Warm', celsius=20.0)\n"
    )
    said = refused(capsys, "HH", f"{tmp_path}/cell.py:WARM")
    assert "Warm: bundle 'HH' was trained at celsius = 6.3, the cell has 20" in said


@pytest.mark.usefixtures("found")
def test_the_command_prints_the_metrics_and_writes_the_page(
    folder, tmp_path, monkeypatch, capsys
):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("ann_backend.train.evidence.Amount", lambda **_: SMALL)
    page, out = tmp_path / "new" / "page.html", tmp_path / "out.json"
    again = tmp_path / "again.safetensors"
    line = f"validate HH HH --folder {folder} --seed 2 --processes 1 --quiet"
    line += f" --html {page} --json {out} --out {again}"
    assert main(line.split()) == 0
    text = capsys.readouterr().out
    result = json.loads(out.read_text())
    assert "f1_2ms" in text
    assert f"{result['floor']['f1_2ms']:.4f}" in text
    assert "f-I curve: not applicable" in text
    assert "network of 8 cells" in text
    assert result["html"] == str(page)
    before, after = load(BUNDLE), load(again)
    assert after.manifest.tensors_sha256 == before.manifest.tensors_sha256
    assert after.manifest.training == before.manifest.training
    assert after.manifest.fidelity["spikes"] == result["spikes"]
    assert after.manifest.fidelity["seed"] == 2
    assert f"bundle: {again}" in text
    assert "details" not in after.manifest.fidelity
    assert {*KEYS, "floor", "drift"} <= result.keys()
    html = page.read_text()
    assert html.count("data:image/svg+xml;base64,") >= 6
    assert "Examples" in html


def test_what_it_does_told_the_teachers_spikes_is_a_column(measured):
    result = {"bundle": "HH", **measured}
    assert "told" not in text(result)
    told = {**measured, "auc": 0.4321}
    said = text({**result, "told_the_teachers_spikes": told}).splitlines()
    (head,) = [line for line in said if line.endswith(" told")]
    (auc,) = [line for line in said if line.startswith("auc ")]
    assert auc.split()[-1] == "0.4321"
    assert len(head) == len(auc)


@pytest.mark.slow
def test_the_quick_command_measures_60_s_without_a_reset(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "DRIFT_S", 60)
    out = tmp_path / "out.json"
    line = f"validate HH HH --quick --folder {tmp_path} --json {out} --quiet"
    assert main([*line.split(), "--trials", "2", "--trial-s", "1"]) == 0
    result = json.loads(out.read_text())
    assert result["trials"] == 2
    assert result["drift"]["seconds"] == 60
    assert result["drift"]["last_10s"]["f1_2ms"] > 0.7


def test_a_silent_cell_is_measured(found):
    silent = dataclasses.replace(found.test)
    trials = [
        dataclasses.replace(t, spikes=np.empty(0), ap_count=0) for t in silent.trials
    ]
    quiet = dataclasses.replace(silent, trials=trials)
    none = Response(None, found.half.v, [np.empty(0)] * 4)
    other = dataclasses.replace(
        found, test=quiet, half=none, stock="not asked", long=None
    )
    made = validate.measure(load(BUNDLE), other, draws=5, quiet=True)
    assert made["spikes"] == 0
    assert made["auc"] is None
    assert made["stock_neuron"] == "not asked"
    assert made["drift"] is None
    assert made["details"]["examples"] == []
