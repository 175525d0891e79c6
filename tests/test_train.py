"""The training line, stage by stage, on seconds of data."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import ann_backend  # noqa: E402
from ann_backend.bundle import load as load_bundle  # noqa: E402
from ann_backend.errors import AnnBackendError, CellError  # noqa: E402
from ann_backend.train import export, fit, pipeline, sampling, validate  # noqa: E402
from ann_backend.train.cell import HH  # noqa: E402
from ann_backend.train.dataset import Request, generate, load  # noqa: E402
from ann_backend.train.model import Network, Shape, embedding, traces  # noqa: E402

SMALL = fit.Fit(
    shape=Shape(taps=2, filters=6, hidden=8, layers=2, head=5),
    epochs=2,
    batch=3,
    rate=1e-2,
)


@pytest.fixture(scope="module")
def request_():
    return Request(cell=HH, split="train", seed=3, trials=6, duration_ms=1500, rows=3)


@pytest.fixture(scope="module")
def made(request_, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trials")
    return folder, generate(request_, folder, processes=2, quiet=True)


@pytest.fixture
def data(made):
    return made[1]


def digest(network):
    sha = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        sha.update(name.encode() + tensor.numpy().tobytes())
    return sha.hexdigest()


# sampling


def test_a_seed_gives_the_same_events_and_another_seed_others():
    def events(seed):
        plan = sampling.draw_plan(HH, seed)
        return sampling.draw_events(HH, plan, drive=1.0, duration_ms=2000.0)

    first, again, other = events(1), events(1), events(2)
    assert np.array_equal(first.t, again.t)
    assert np.array_equal(first.weight, again.weight)
    assert not np.array_equal(first.t, other.t)


def test_event_times_are_continuous_sorted_and_inside_the_trial():
    for seed in range(40):
        plan = sampling.draw_plan(HH, seed)
        events = sampling.draw_events(HH, plan, drive=2.0, duration_ms=3000.0)
        assert np.all(np.diff(events.t) >= 0)
        assert events.t.size == 0 or 0 <= events.t.min() <= events.t.max() < 3000
        if len(events.t) > 50:
            assert np.unique(np.round(events.t % 0.025, 6)).size > 40


def test_weights_stay_in_the_channels_declared_range():
    for seed in range(60):
        plan = sampling.draw_plan(HH, seed)
        for channel, weights in zip(HH.channels, plan.weights_uS, strict=True):
            low, high = channel.weight_uS
            assert weights.min() >= low * (1 - 1e-6)
            assert weights.max() <= high * (1 + 1e-6)


# teacher and dataset


def test_the_teacher_spikes_at_crossings_of_the_threshold(data):
    assert sum(len(t.spikes) for t in data.trials) > 5
    for trial in data.trials:
        assert len(trial.v) == 1500
        for at in trial.spikes:
            assert trial.v[max(0, int(at) - 2) : int(at) + 3].max() > -40


def test_a_trial_is_the_run_a_user_would_make(data):
    """One plain NEURON script with one of the trials' events: the same spikes."""
    from ann_backend import load as load_cell
    from ann_backend.nrn import h

    load_cell("HH")
    trial = max(data.trials, key=lambda t: len(t.spikes))
    cell = h.HH()
    synapses = [h.ann_AMPA, h.ann_GABAA, h.ann_NMDA]
    synapses = [make(cell.soma(0.5)) for make in synapses]
    netcons = []
    events = trial.events
    for kind in sorted(set(zip(events.channel, events.weight, strict=True))):
        netcon = h.NetCon(None, synapses[kind[0]])
        netcon.weight[0] = float(kind[1])
        mine = (trial.events.channel == kind[0]) & (trial.events.weight == kind[1])
        netcons.append((netcon, trial.events.t[mine]))
    detector = h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma)
    detector.threshold = HH.threshold_mV
    spikes = h.Vector()
    detector.record(spikes)
    h.dt, h.celsius = 0.025, HH.celsius
    h.finitialize(HH.v_init_mV)
    for netcon, times in netcons:
        for t in times:
            netcon.event(float(t))
    for _ in range(1500 * 40):
        h.fadvance()
    assert len(trial.spikes) > 0
    assert np.allclose(spikes.as_numpy(), trial.spikes, rtol=0, atol=1e-6)


def test_an_interrupted_generation_resumes_to_the_same_trials(request_, made, tmp_path):
    folder, whole = made
    for shard in (0, 1):
        path = request_.path(tmp_path, shard)
        path.parent.mkdir(parents=True, exist_ok=True)
    request_.path(tmp_path, 0).write_bytes(request_.path(folder, 0).read_bytes())
    (request_.path(tmp_path, 1).with_suffix(".partial")).write_bytes(b"half")
    resumed = generate(request_, tmp_path, processes=1, quiet=True)
    assert resumed.events_sha256 == whole.events_sha256
    for a, b in zip(resumed.trials, whole.trials, strict=True):
        assert np.array_equal(a.v, b.v)
        assert np.array_equal(a.spikes, b.spikes)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"seed": 4}, "seeds"), ({"cell": dataclasses.replace(HH, celsius=7.0)}, "cell")],
)
def test_shards_of_another_request_are_refused(request_, made, change, named):
    other = dataclasses.replace(request_, **change)
    with pytest.raises(AnnBackendError, match=f"expected {named}"):
        load(other, made[0])


def test_a_damaged_shard_is_refused(request_, made, tmp_path):
    for shard in (0, 1):
        path = request_.path(tmp_path, shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = request_.path(made[0], shard).read_bytes()
        path.write_bytes(raw[: len(raw) // (1 + shard)])
    with pytest.raises(AnnBackendError, match="expected a whole shard"):
        load(request_, tmp_path)


# model and fit


def test_traces_are_the_exact_sums_of_exponentials(data):
    trial = max(data.trials, key=lambda t: len(t.events.t))
    found = traces(HH, [trial.events], 200).reshape(200, 1, 3, 4)
    units, tau = embedding(HH)
    for n in (0, 57, 199):
        for g in range(3):
            mine = (trial.events.channel == g) & (trial.events.t < n + 1)
            ago = n + 1 - trial.events.t[mine]
            weight = units[g, g] * trial.events.weight[mine]
            for k in range(4):
                exact = np.sum(weight * np.exp(-ago / tau[g, k]))
                assert found[n, 0, g, k] == pytest.approx(exact, rel=1e-4, abs=1e-6)


def test_the_same_seed_trains_the_same_tensors_and_another_others(data, tmp_path):
    a = fit.fit(HH, data, SMALL, tmp_path / "a", quiet=True)
    b = fit.fit(HH, data, SMALL, tmp_path / "b", quiet=True)
    c = fit.fit(
        HH, data, dataclasses.replace(SMALL, seed=2), tmp_path / "c", quiet=True
    )
    assert digest(a) == digest(b) != digest(c)


def test_an_interrupted_training_resumes_to_the_same_tensors(
    data, tmp_path, monkeypatch
):
    whole = fit.fit(HH, data, SMALL, tmp_path / "whole", quiet=True)
    stream, calls = fit._stream, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return stream(*args)

    monkeypatch.setattr(fit, "_stream", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit.fit(HH, data, SMALL, tmp_path / "cut", quiet=True)
    resumed = fit.fit(HH, data, SMALL, tmp_path / "cut", quiet=True)
    assert len(calls) == 3 + 2  # two groups before the cut are not trained again
    assert digest(resumed) == digest(whole)


def test_a_checkpoint_of_another_run_is_refused(data, tmp_path):
    fit.fit(HH, data, SMALL, tmp_path, quiet=True)
    with pytest.raises(AnnBackendError, match="expected a checkpoint of"):
        fit.fit(HH, data, dataclasses.replace(SMALL, rate=0.5), tmp_path, quiet=True)


def test_nan_stops_the_training_and_says_where(data, tmp_path):
    broken = [dataclasses.replace(t, v=t.v.copy()) for t in data.trials]
    broken[0].v[700] = np.nan
    poisoned = dataclasses.replace(data, trials=broken)
    with pytest.raises(AnnBackendError, match=r"finite loss.*window 1.*learning rate"):
        fit.fit(HH, poisoned, SMALL, tmp_path, quiet=True)


def test_training_lowers_the_loss_and_logs_it(data, tmp_path):
    options = dataclasses.replace(SMALL, epochs=12)
    fit.fit(HH, data, options, tmp_path, quiet=True)
    log = [json.loads(x) for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["group"] for entry in log] == list(range(1, 25))
    loss = [sum(entry[name] for name in ("hazard", "offset", "v")) for entry in log]
    assert np.mean(loss[-4:]) < 0.75 * np.mean(loss[:4])


# export and validation


def test_peak_picking_sums_two_bins_and_respects_the_refractory_time():
    y = np.full((1, 8, 3), -20.0, np.float32)
    y[0, 2:4, 0] = 0.0  # p = .5 and .5: half each side of a bin's edge
    y[..., 1] = 0.0  # offset .5
    y[0, 5:7, 0] = 20.0
    (refractory,) = export.pick(y, 0.9, 3.0)
    assert refractory.tolist() == [3.5, 6.5]
    (free,) = export.pick(y, 0.9, 0.0)
    assert free.tolist() == [3.5, 5.5, 6.5]


def small_bundle(data, path, seed=0):
    torch.manual_seed(seed)
    network = Network(12, SMALL.shape)
    network.head2.bias.data[0] = 0.0  # an untrained network that spikes often
    weights = export.tensors(HH, network, data)
    manifest = pipeline._manifest(HH, network, data, SMALL, "a test", "BSD-3-Clause")
    manifest["readout"] = export.readout(HH, network, data, data)
    manifest["readout"]["refractory_ms"] = 2.26  # no tie with whole bins
    return network, load_bundle(pipeline._save(path, manifest, weights))


def test_the_engine_runs_what_was_exported(data, tmp_path):
    network, bundle = small_bundle(data, tmp_path / "x.safetensors")
    y = fit.outputs(HH, network, data)
    events = [t.events for t in data.trials]
    response = validate.free_run(bundle, events, y.shape[1], quiet=True)
    assert np.allclose(response.hazard, 1 / (1 + np.exp(-y[..., 0])), rtol=1e-4)
    readout = bundle.manifest.readout
    spikes = export.pick(y, readout.hazard_threshold, readout.refractory_ms)
    assert sum(len(s) for s in spikes) > 10
    for mine, engines in zip(spikes, response.spikes, strict=True):
        assert np.allclose(mine, engines, rtol=0, atol=1e-3)


def test_the_template_is_the_action_potential_above_the_clip(data, tmp_path):
    _, bundle = small_bundle(data, tmp_path / "x.safetensors")
    ap, readout = bundle.tensors["ap"], bundle.manifest.readout
    assert ap[0] == pytest.approx(readout.clip_mV, abs=1.0)
    assert ap[-1] == pytest.approx(readout.clip_mV, abs=3.0)  # the fall is steep
    assert ap.min() > readout.clip_mV
    assert ap.max() > 10
    at_crossing = round(-readout.ap_start_ms / readout.ap_dt_ms)
    assert ap[at_crossing - 1] < 8
    assert ap[at_crossing + 1] > 0


def test_a_teacher_scored_against_itself_is_perfect(data):
    teacher = validate.Response.of_teacher(data)
    scores = validate.score(teacher, teacher, -55.0)
    assert scores["f1_0.5ms"] == scores["variance_explained"] == 1.0
    assert scores["rate_error_pooled"] == scores["vm_rmse_mV"] == 0.0


# the whole line


def test_an_unknown_cell_is_refused():
    with pytest.raises(CellError, match="a cell that ships"):
        ann_backend.train("no such cell", out="x.safetensors")


def test_channels_with_different_numbers_of_kernels_are_refused():
    first = dataclasses.replace(HH.channels[0], tau_ms=(2.0,))
    cell = dataclasses.replace(HH, channels=(first, *HH.channels[1:]))
    with pytest.raises(CellError, match="as many tau_ms for every channel"):
        ann_backend.train(cell, out="x.safetensors")


@pytest.mark.slow
def test_the_command_writes_a_bundle_that_says_how_it_was_made(tmp_path):
    from ann_backend.__main__ import main

    out = tmp_path / "HH.safetensors"
    line = f"train HH --out {out} --folder {tmp_path}/d --json {tmp_path}/r.json"
    line += " --hours 0.002 --trial-s 2 --held-out 2 --epochs 1 --hidden 8 --quiet"
    assert main(line.split()) == 0
    manifest = load_bundle(out).manifest
    assert "--hours 0.002 --seed 1 --epochs 1 --hidden 8" in manifest.training.command
    assert manifest.training.seeds == {"data": 1, "weights": 1}
    assert {"auc", "f1_1ms", "floor", "drift_60s"} <= manifest.fidelity.keys()
    assert json.loads((tmp_path / "r.json").read_text())["bundle"] == str(out)


def test_the_shipped_bundle_says_how_good_it_is():
    from ann_backend import paths

    manifest = load_bundle(paths.bundle_dir() / "HH.safetensors").manifest
    assert manifest.training.command.startswith("python -m ann_backend train HH")
    assert manifest.fidelity["trials"] >= 20
    assert manifest.fidelity["auc"] >= 0.997
