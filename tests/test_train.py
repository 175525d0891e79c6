"""The training line, stage by stage, on seconds of data."""

import dataclasses
import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from reference import reference_spikes  # noqa: E402

import ann_backend  # noqa: E402
from ann_backend import _train, paths  # noqa: E402
from ann_backend.bundle import load as load_bundle  # noqa: E402
from ann_backend.errors import AnnBackendError, CellError  # noqa: E402
from ann_backend.metrics import f1_pooled  # noqa: E402
from ann_backend.train import calibrate as calibration  # noqa: E402
from ann_backend.train import export, fit, pipeline  # noqa: E402
from ann_backend.train.axon import heard  # noqa: E402
from ann_backend.train.cable import cable  # noqa: E402
from ann_backend.train.calibrate import calibrate  # noqa: E402
from ann_backend.train.cell import HH, ChannelDescription  # noqa: E402
from ann_backend.train.checkpoint import Run  # noqa: E402
from ann_backend.train.dataset import Request, generate, join, refuse_mixture  # noqa: E402
from ann_backend.train.free_run import free_run  # noqa: E402
from ann_backend.train.groups import Groups  # noqa: E402
from ann_backend.train.input import Input  # noqa: E402
from ann_backend.train.leak import in_torch, leak  # noqa: E402
from ann_backend.train.model import Network  # noqa: E402
from ann_backend.train.muon import Muon  # noqa: E402
from ann_backend.train.sampling import NETWORK_SEEDS  # noqa: E402
from ann_backend.train.shape import Shape  # noqa: E402
from ann_backend.train.tensors import take, tensors  # noqa: E402

TREE = Shape(taps=2, mix=5, hidden=8, layers=2, head=5)
SMALL = fit.Fit(
    shape=Shape(tree=False, taps=2, units=6, mix=5, hidden=8, layers=2, head=5),
    epochs=2,
    batch=3,
    rate=1e-2,
)


@pytest.fixture(scope="module")
def request_(hh):
    return Request(cell=hh, split="train", seed=3, trials=6, duration_ms=1500, rows=3)


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


# model and fit


def test_a_gradient_that_overflows_is_skipped(data, tmp_path):
    network = network_of(data)
    run = Run(SMALL, [], tmp_path, network, 10)
    for value, moved in ((torch.inf, False), (1.0, True)):
        before = digest(network)
        for parameter in network.trained():
            parameter.grad = torch.full_like(parameter, value)
        run.optimise()
        assert (digest(network) != before) == moved
    assert (run.step, run.skipped) == (2, 1)
    assert all(torch.isfinite(p).all() for p in network.parameters())


def test_muon_steps_as_torchs_does():
    torch.manual_seed(0)
    ours = torch.nn.Parameter(torch.randn(64, 32))
    theirs = torch.nn.Parameter(ours.detach().clone())
    begin = ours.detach().clone()
    muon = Muon([ours], 1e-2)
    reference = torch.optim.Muon(
        [theirs], 1e-2, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    for _ in range(5):
        ours.grad = torch.randn(64, 32)
        theirs.grad = ours.grad.clone()
        muon.step()
        reference.step()
    moved = (ours - begin).detach()
    assert torch.linalg.norm(moved - (theirs - begin)) < 0.01 * moved.norm()  # bfloat16


def network_of(data, shape=SMALL.shape):
    return Network(data.cell, shape, cable(data.cell) if shape.tree else None)


def test_traces_are_the_exact_sums_of_exponentials(data):
    events = max((t.events for t in data.trials), key=lambda e: len(e.t))
    network = network_of(data)
    with torch.no_grad():
        state = network.start(1)
        parts = []
        for start in (0, 120):  # the state carries over
            traces = network.traces(Input.of([events], start, start + 120), state)
            parts.append(traces)
            state = state._replace(traces=traces[:, :, -1:])
        found = torch.cat(parts, 2)[..., 0].numpy()
    for n in (0, 57, 121, 199):
        for g, channel in enumerate(HH.channels):
            mine = (events.channel == g) & (events.t < n + 1)
            ago = n + 1 - events.t[mine]
            weight = events.weight[mine] / channel.unit_uS
            for k, tau in enumerate(channel.tau_ms):
                exact = np.sum(weight * np.exp(-ago / tau))
                assert found[g, k, n] == pytest.approx(exact, rel=1e-4, abs=1e-5)


def test_gradients_go_through_traces_to_the_embedding(data):
    events = max((t.events for t in data.trials), key=lambda e: len(e.t))
    network, x = network_of(data), Input.of([events], 0, 60)
    past = network.traces(Input.of([events], 60, 90), network.start(1))[:, :, -1:]
    state = network.start(1)._replace(traces=past.detach())
    wanted = torch.randn(*network.tau.shape, 60, 1)
    (network.traces(x, state) * wanted).sum().backward()
    found = network.log_embedding.grad.clone()
    with torch.no_grad():
        at = network.traces(x, state)
        silent = network.traces(Input.of([events], -60, 0), state)
        # traces are linear in the embedding, channel by channel
        for c in range(len(network.of)):
            mine = torch.zeros_like(at)
            mine[network.of[c]] = (at - silent)[network.of[c]]
            expected = (mine * wanted).sum()
            assert found[c].sum() == pytest.approx(float(expected), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("rows", [1, 8, 70])
def test_a_leak_and_its_gradient_equal_a_loops(rows):
    traces, bins, events = 5, 40, 300
    torch.manual_seed(rows)
    amounts, before = torch.randn(events), torch.randn(traces, rows)
    where = torch.randint(traces * bins * rows, (events,))
    decay, wanted = torch.rand(traces), torch.randn(traces, bins, rows)
    found = []
    for made in (leak, looped):
        given = amounts.clone().requires_grad_()
        y = made(given, where, before, decay, bins)
        (y * wanted).sum().backward()
        found.append((y.detach(), given.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def looped(amounts, where, before, decay, bins):
    x = torch.zeros(len(decay) * bins * before.shape[1]).index_add(0, where, amounts)
    y = []
    for now in x.view(len(decay), bins, -1).unbind(1):
        before = now + decay[:, None] * before
        y.append(before)
    return torch.stack(y, 1)


@pytest.mark.parametrize("rows", [3, 8])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_leak_in_torchs_operations_is_that_in_cpp(rows, backwards):
    torch.manual_seed(rows)
    x, before, decay = torch.randn(5, 40, rows), torch.randn(5, rows), torch.rand(5)
    ours, theirs = x.clone(), torch.empty_like(x)  # in its place, and elsewhere
    given = before.numpy(), decay.numpy()
    _train.leak(ours.numpy(), *given, ours.numpy(), backwards)
    in_torch(x, before, decay, theirs, backwards=backwards)
    torch.testing.assert_close(ours, theirs)


def test_a_leak_of_another_shape_is_refused():
    x, before, decay = (np.zeros(n, np.float32) for n in ((2, 3, 1), (2, 1), (2,)))
    with pytest.raises(ValueError, match="'before' does not fit"):
        _train.leak(x, before[:1], decay, x, False)
    with pytest.raises(TypeError):  # nothing is written into a copy
        _train.leak(x, before, decay, x.astype(float), False)


def dendrite(k, kind, branch, away):
    return ChannelDescription(
        name=f"{k}",
        location=f"dend({k})",
        synapses=(("ExpSyn", {}),),
        role=kind,
        unit_uS=0.5,
        rate_Hz=1.0,
        tau_ms=(1.0, 9.0) if kind == "excitatory" else (2.0, 5.0),
        branch=branch,
        distance_um=away,
    )


def test_channels_of_a_branch_share_groups_by_kind_and_place():
    channels = [
        dendrite(0, "excitatory", 1, 10.0),
        dendrite(1, "excitatory", 1, 30.0),
        dendrite(2, "excitatory", 1, 50.0),
        dendrite(3, "inhibitory", 1, 10.0),
        dendrite(4, "inhibitory", 0, 0.0),
    ]
    groups = Groups.plan(channels, 2)
    assert groups.branches == 2
    assert groups.of.tolist() == [[4, 5], [4, 5], [4, 5], [6, 7], [0, 1]]
    np.testing.assert_allclose(
        groups.start[:3], 2 * np.array([[1, 0.05], [0.5, 0.5], [0.05, 1]])
    )
    assert groups.tau[[4, 6, 0, 2]].tolist() == [[1, 9], [2, 5], [2, 5], [1, 1]]


def test_the_same_seed_trains_the_same_tensors_and_another_others(data, tmp_path):
    a = fit.fit(data, data, SMALL, tmp_path / "a", quiet=True)
    b = fit.fit(data, data, SMALL, tmp_path / "b", quiet=True)
    other = dataclasses.replace(SMALL, seed=2)
    c = fit.fit(data, data, other, tmp_path / "c", quiet=True)
    assert digest(a) == digest(b) != digest(c)


def test_trials_of_several_lengths_train_together(data, request_, tmp_path):
    other = dataclasses.replace(request_, seed=4, trials=3, duration_ms=750)
    short = generate(other, tmp_path, processes=1, quiet=True)
    both = join([data, short])
    assert len(both.trials) == 9
    assert both.events_sha256 not in (data.events_sha256, short.events_sha256)
    found = fit._groups(both.trials, 2, np.random.default_rng(0))
    assert sorted(np.concatenate(found)) == list(range(9))
    for rows in found:
        assert len({len(both.trials[k].v) for k in rows}) == 1
    fit.fit(both, data, SMALL, tmp_path / "fit", quiet=True)
    log = (tmp_path / "fit" / "log.jsonl").read_text().splitlines()
    assert len(log) == SMALL.epochs * 3
    saved = torch.load(tmp_path / "fit" / "checkpoint.pt", weights_only=True)
    assert saved["step"] == SMALL.epochs * (2 * 3 + 2)


def test_hours_are_asked_for_each_length_of_trials(tmp_path):
    with pytest.raises(AnnBackendError, match=r"hours for each length.*\[1.0\] h of"):
        ann_backend.train(
            "HH", out=tmp_path / "x.safetensors", hours=[1.0], trial_s=[1, 2]
        )
    for hours, trial_s in ((0, 2), (1.0, 0), ([1.0, -2.0], [1, 2])):
        with pytest.raises(AnnBackendError, match="expected hours above 0"):
            ann_backend.train(
                "HH", out=tmp_path / "x.safetensors", hours=hours, trial_s=trial_s
            )
    with pytest.raises(AnnBackendError, match=r"0 hours or more of a network.*and -1"):
        ann_backend.train("HH", out=tmp_path / "x.safetensors", network_hours=-1.0)


def test_trials_of_a_network_are_more_to_train_on(tmp_path, monkeypatch):
    asked = []

    def stopped(data, *_, **__):
        asked.extend(data.trials)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        ann_backend.train(
            "HH",
            out=tmp_path / "x.safetensors",
            folder=tmp_path,
            hours=0.001,
            trial_s=2,
            network_hours=0.001,
            held_out=1,
            quiet=True,
        )
    of_network = [t.seed >= NETWORK_SEEDS for t in asked]
    assert of_network == [False] * 2 + [True] * 2
    assert all((t.plan.volleys.answers is not None) for t in asked[2:])


@pytest.mark.parametrize(("shape", "cut"), [(SMALL.shape, 3), (TREE, 4)])
def test_an_interrupted_training_resumes_to_the_same_tensors(
    data, tmp_path, monkeypatch, shape, cut
):
    options = dataclasses.replace(SMALL, shape=shape)
    whole = fit.fit(data, data, options, tmp_path / "whole", quiet=True)
    stream, calls = fit._stream, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == cut:
            raise KeyboardInterrupt
        return stream(*args)

    monkeypatch.setattr(fit, "_stream", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit.fit(data, data, options, tmp_path / "cut", quiet=True)
    resumed = fit.fit(data, data, options, tmp_path / "cut", quiet=True)
    assert len(calls) == 4 + 1  # groups before the cut are not trained again
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("whole", "cut")]
    losses = [[json.loads(x)["v"] for x in log.splitlines()] for log in logs]
    assert losses[0] == losses[1]
    mine, other = resumed.state_dict(), whole.state_dict()
    assert [n for n in other if not torch.equal(mine[n], other[n])] == []


def test_subnormal_numbers_are_zero_while_it_trains(data, tmp_path, monkeypatch):
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor has no such mode")
    inside, found = Network.forward, []

    def watched(*args):
        found.append(float(torch.full((1,), 1e-30) * 1e-10))
        return inside(*args)

    monkeypatch.setattr(Network, "forward", watched)
    fit.fit(data, data, SMALL, tmp_path, quiet=True)
    assert found
    assert not any(found)
    assert float(torch.full((1,), 1e-30) * 1e-10) > 0.0  # the caller's thread as it was


def test_a_checkpoint_of_another_run_is_refused(data, tmp_path):
    fit.fit(data, data, SMALL, tmp_path, quiet=True)
    with pytest.raises(AnnBackendError, match="expected a checkpoint of"):
        fit.fit(data, data, dataclasses.replace(SMALL, rate=0.5), tmp_path, quiet=True)
    cell = dataclasses.replace(data.cell, clip_mV=-50.0)
    trials = [dataclasses.replace(t, cell=cell) for t in data.trials]
    other = dataclasses.replace(data, trials=trials)
    with pytest.raises(AnnBackendError, match="expected a checkpoint of"):
        fit.fit(other, other, SMALL, tmp_path, quiet=True)


def test_nan_stops_the_training_and_says_where(data, tmp_path):
    broken = [dataclasses.replace(t, v=t.v.copy()) for t in data.trials]
    broken[0].v[700] = np.nan
    poisoned = dataclasses.replace(data, trials=broken)
    with pytest.raises(AnnBackendError, match=r"finite loss.*window 1.*learning rate"):
        fit.fit(poisoned, data, SMALL, tmp_path, quiet=True)


@pytest.mark.parametrize("shape", [SMALL.shape, TREE])
def test_training_lowers_the_loss_and_logs_it(data, tmp_path, shape):
    options = dataclasses.replace(SMALL, shape=shape, epochs=30, patience=30)
    fit.fit(data, data, options, tmp_path, quiet=True)
    log = [json.loads(x) for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["group"] for entry in log] == list(range(1, 61))
    for names in (("hazard", "offset", "v"), ("hazard",), ("sites",)):
        loss = [sum(entry[name] for name in names) for entry in log]
        assert np.mean(loss[-4:]) < 0.75 * np.mean(loss[:4])


# export and validation


def small_bundle(data, path, seed=0, shape=SMALL.shape):
    torch.manual_seed(seed)
    network = network_of(data, shape)
    network.head2.bias.data[0] = 0.0  # an untrained network that spikes often
    weights = tensors(network) | {"ap": export.action_potential(data)[1]}
    manifest = pipeline._manifest(network, data, SMALL, "a test", "BSD-3-Clause", [1])
    spiking, _ = calibrate(network, data.trials)
    spiking = spiking._replace(refractory_ms=2.26)  # no tie with whole bins
    start_ms = export.action_potential(data)[0]
    manifest["readout"] = export.readout(data.cell, spiking, start_ms)
    return network, load_bundle(pipeline._save(path, manifest, weights))


@pytest.fixture
def calibrated(monkeypatch):
    """calibrate of trials, where each threshold has its spikes in each of them."""

    def calibrated(trials, found):
        def ran(choice, events, *_, **__):
            mine = zip(trials, found[choice.threshold], strict=True)
            chosen = [s for t, s in mine if any(t.events is e for e in events)]
            return SimpleNamespace(spikes=chosen)

        monkeypatch.setattr(calibration, "runner", lambda *given: given[2])
        monkeypatch.setattr(calibration, "free_run", ran)
        return calibrate(None, trials, (tuple(found), (10.0,)))

    return calibrated


def test_the_score_takes_three_windows_and_a_tie_goes_to_the_rate(calibrated, data):
    """Thresholds .2 and .3 are as good; .3 has the teacher's number of spikes."""
    trials = [dataclasses.replace(t, spikes=t.spikes[:20]) for t in data.trials]
    true = [t.spikes for t in trials]
    found = {
        0.2: [np.sort(np.r_[s + 1.5, s[:1] + 400.0]) for s in true],
        0.3: [s + 1.5 for s in true],
        0.4: [s + 30.0 for s in true],
    }
    spiking, score = calibrated(trials, found)
    assert spiking.threshold == 0.3
    each = [[f1_pooled(f, true, w) for w in (1.0, 2.0, 5.0)] for f in found.values()]
    assert score == pytest.approx(np.mean(each, axis=1).max())
    assert 0.5 < score < 0.9


def test_a_better_score_with_too_few_spikes_is_not_taken(calibrated, data):
    trials = [
        dataclasses.replace(t, spikes=np.arange(5.0, 1500, 70)) for t in data.trials
    ]
    true = [t.spikes for t in trials]
    found = {
        0.2: [np.sort(np.r_[s[::2], s[1::2] + 30.0]) for s in true],
        0.3: [s[:-4] for s in true],
        0.4: [s[:1] for s in true],
    }
    spiking, score = calibrated(trials, found)
    assert spiking.threshold == 0.2
    assert score > 0.8
    none_near = {k: found[k] for k in (0.3, 0.4)}
    assert calibrated(trials, none_near)[0].threshold == 0.3
    silent = [dataclasses.replace(t, spikes=np.empty(0)) for t in trials]
    quiet = {0.2: true, 0.3: [np.empty(0)] * len(true)}
    assert calibrated(silent, quiet)[0].threshold == 0.3


def test_a_trial_in_a_plateau_does_not_choose_the_readout(calibrated, data):
    """For the silent trial .3 is right, for the fast one .2, with many more spikes."""
    slow, fast = np.array([100.5]), np.arange(2.25, len(data.trials[0].v), 20.0)
    none = slow[:0]
    some = zip(data.trials, (slow, none, fast), strict=False)
    trials = [dataclasses.replace(t, spikes=s) for t, s in some]
    found = {0.2: (slow, slow, fast), 0.3: (slow, none, none)}
    spiking, score = calibrated(trials, found)
    assert spiking.threshold == 0.3
    assert score == 1.0
    assert spiking.refractory_ms == 16.0  # of all trials


@pytest.mark.parametrize("shape", [SMALL.shape, TREE])
def test_the_engine_runs_what_was_exported(data, tmp_path, shape):
    network, bundle = small_bundle(data, tmp_path / "x.safetensors", shape=shape)
    events, bins = [t.events for t in data.trials], len(data.trials[0].v)
    response = free_run(bundle.engine, events, bins, threads=2, quiet=True)
    if shape.tree:  # it hears what it did
        ran = zip(events, response.spikes, strict=True)
        events = [heard(data.cell, *one) for one in ran]
    with torch.no_grad():
        y, _ = network(Input.of(events, 0, bins), network.start(len(events)))
    hazard = torch.sigmoid(y[..., 0]).T.numpy()
    assert np.allclose(response.hazard, hazard, rtol=1e-4)
    readout = bundle.manifest.readout.model_dump()
    wanted = reference_spikes(y.numpy()[..., :3], readout)
    found = [(k, t) for k, train in enumerate(response.spikes) for t in train]
    assert len(found) > 10
    np.testing.assert_allclose(found, sorted(wanted), rtol=0, atol=1e-3)


@pytest.mark.parametrize("shape", [SMALL.shape, TREE])
def test_training_can_begin_with_a_bundle_and_leave_its_front(data, tmp_path, shape):
    path = tmp_path / "x.safetensors"
    _, before = small_bundle(data, path, seed=5, shape=shape)
    options = dataclasses.replace(
        SMALL, shape=shape, init_from=str(path), freeze="front"
    )
    after = tensors(fit.fit(data, data, options, tmp_path / "fit", quiet=True))
    names = {"embedding", "branch_w", "branch_b", "gate", "reversal", "cable"}
    for name in (names & after.keys()) | {"mix_w", "mix_b"}:
        np.testing.assert_allclose(after[name], before.tensors[name], rtol=2e-5)
    assert not np.allclose(after["lstm0_wh"], before.tensors["lstm0_wh"])


@pytest.mark.parametrize("shape", [SMALL.shape, TREE])
@pytest.mark.parametrize("sizes", [{"mix": 7}, {"mix": 7, "hidden": 11, "head": 6}])
def test_a_wider_network_begins_as_the_bundle_is(data, tmp_path, shape, sizes):
    small, before = small_bundle(data, tmp_path / "x.safetensors", seed=5, shape=shape)
    network = network_of(data, dataclasses.replace(shape, **sizes))
    assert take(network, before, data.cell)
    events = [t.events for t in data.trials]
    if shape.tree:
        events = [heard(data.cell, e, [10.0, 20.0]) for e in events]
    x = Input.of(events, 0, 200)
    with torch.no_grad():
        wide, expected = (n(x, n.start(len(events)))[0] for n in (network, small))
    assert expected[..., :3].std(0).min() > 1e-4
    np.testing.assert_allclose(wide[..., :3], expected[..., :3], rtol=0, atol=1e-5)
    network(x, network.start(len(events)))[0].sum().backward()
    for name, parameter in network.named_parameters():
        if name.startswith(("mix", "lstm")):  # it will learn what to hear
            assert (parameter.grad != 0).float().mean() > 0.3, name


@pytest.mark.parametrize("shape", [SMALL.shape, TREE])
@pytest.mark.parametrize("sizes", [{"hidden": 7}, {"layers": 1}, {"mix": 0}])
def test_a_bundle_of_another_size_gives_its_front(data, tmp_path, shape, sizes):
    path = tmp_path / "x.safetensors"
    _, before = small_bundle(data, path, seed=5, shape=shape)
    network = network_of(data, dataclasses.replace(shape, **sizes))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    own = tensors(network)
    assert not take(network, before, data.cell)
    after = tensors(network)
    for name in after:
        behind = name.startswith(("mix", "lstm", "head"))
        expected = own[name] if behind else before.tensors[name]
        np.testing.assert_allclose(
            after[name], expected, rtol=2e-5, atol=1e-6, err_msg=name
        )


def test_a_beginning_that_does_not_fit_is_refused(data, tmp_path):
    path = tmp_path / "x.safetensors"
    small_bundle(data, path)
    for sizes, freeze, message in (
        ({"units": 7}, "", "expected 'branch_b' of shape"),
        ({"hidden": 7}, "front", "to freeze its front, a bundle with a mix of"),
        ({"mix": 7}, "front", "to freeze its front, a bundle with a mix of"),
    ):
        shape = dataclasses.replace(SMALL.shape, **sizes)
        options = dataclasses.replace(
            SMALL, shape=shape, init_from=str(path), freeze=freeze
        )
        with pytest.raises(AnnBackendError, match=message):
            fit.fit(data, data, options, tmp_path / "fit", quiet=True)


def test_training_stops_when_the_validation_gets_no_better(data, tmp_path, monkeypatch):
    spiking = export.Spiking(0.5, 3.0, 2.0)
    judged = ((spiking, f1) for f1 in (0.1, 0.5, 0.4, 0.3, 0.9))
    monkeypatch.setattr(fit, "_calibrated", lambda *_: next(judged))
    options = dataclasses.replace(SMALL, epochs=5, patience=2)
    fit.fit(data, data, options, tmp_path, quiet=True)
    log = [json.loads(x) for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    logged = [e["validation_score"] for e in log if "validation_score" in e]
    assert logged == [0.1, 0.5, 0.4, 0.3]
    best = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert best["best_score"] == 0.5


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
    line += " --hours 0.002 --trial-s 2 --held-out 2 --epochs 1 --size point --quiet"
    assert main(line.split()) == 0
    manifest = load_bundle(out).manifest
    assert "--hours 0.002 --seed 1 --epochs 1 --size point" in (
        manifest.training.command
    )
    assert manifest.training.seeds == {"data": 1, "weights": 1}
    assert {"auc", "f1_1ms", "floor", "drift"} <= manifest.fidelity.keys()
    assert json.loads((tmp_path / "r.json").read_text())["bundle"] == str(out)


def test_the_shipped_bundle_says_how_good_it_is():
    manifest = load_bundle(paths.bundle_dir() / "HH.safetensors").manifest
    assert manifest.training.command.startswith("python -m ann_backend train HH")
    assert manifest.fidelity["trials"] >= 20
    assert manifest.fidelity["auc"] >= 0.997


def test_splits_of_two_cells_are_no_training_set(data):
    other = dataclasses.replace(data, mechanisms_sha256="of an edited mod file")
    with pytest.raises(AnnBackendError, match="splits with one mechanisms_sha256"):
        refuse_mixture(data, other)


def test_options_that_mean_nothing_are_refused():
    wrong = {"window": 100, "patience": 0, "epochs": 0, "rate": 0.0, "batch": 0}
    wrong |= {"threads": 0, "device": "gpu", "freeze": "all"}
    for name, value in wrong.items():
        with pytest.raises(AnnBackendError, match=f"expected {name} .*got {value!r}"):
            fit.Fit(**{name: value})
    with pytest.raises(AnnBackendError, match="init_from to be the bundle whose front"):
        fit.Fit(freeze="front")
    if not torch.cuda.is_available():
        with pytest.raises(AnnBackendError, match=r"expected a GPU .* device 'cpu'"):
            fit.Fit(device="cuda")


def test_what_only_the_last_stage_would_stumble_over_is_refused_first(tmp_path):
    begun = tmp_path / "begun.safetensors"
    begun.write_bytes((paths.bundle_dir() / "HH.safetensors").read_bytes())
    out, folder = tmp_path / "x.safetensors", tmp_path / "x"
    (tmp_path / "d.safetensors").mkdir()
    for wrong, said in (
        ({"out": tmp_path / "x"}, "out: expected a path that ends in .safetensors"),
        ({"out": tmp_path / "d.safetensors"}, "expected a file to write, got folder"),
        ({"held_out": 0}, "expected 1 trial or more held out, got 0"),
        ({"options": fit.Fit(init_from="no.safetensors")}, "a readable bundle file"),
        ({"out": begun, "options": fit.Fit(init_from=str(begun))}, "another file to"),
    ):
        with pytest.raises(AnnBackendError, match=said):
            ann_backend.train("HH", **({"out": out, "folder": folder} | wrong))
    assert not out.exists()
    assert not folder.exists()


def test_a_bundle_of_other_channels_is_no_beginning(data, tmp_path):
    path = tmp_path / "x.safetensors"
    network, bundle = small_bundle(data, path)
    cell = dataclasses.replace(data.cell, channels=data.cell.channels[::-1])
    with pytest.raises(AnnBackendError, match="HH's channels"):
        take(network, bundle, cell)
