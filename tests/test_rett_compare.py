"""The Rett map beside NEURON: its points, both stages, and what is compared."""

import functools
import json
import multiprocessing
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ann_backend
from ann_backend.run import catalogue, limits
from ann_backend.train import build

RETT = Path(__file__).parents[1] / "examples" / "rett"
sys.path.insert(0, str(RETT))
import boundary  # noqa: E402
import compare  # noqa: E402
import map as rett_map  # noqa: E402
import network  # noqa: E402
import open_loop  # noqa: E402
import script  # noqa: E402
import speed  # noqa: E402

CELLS, COLUMNS = 12, (0.3, 0.6)
NEURON = ["neuron", "--cell", "HH", "--cells", str(CELLS), "--backend", "neuron"]
SURROGATE = ["surrogate", "--cell", "HH", "--threads", "1"]
pytestmark = pytest.mark.filterwarnings("ignore::ann_backend.ApproximationWarning")


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Two columns of HH cells that fire now and then; everything given back."""
    monkeypatch.setattr(network, "EXCITATION_HZ", 100.0)
    monkeypatch.setattr(boundary, "CONNECTIVITY", COLUMNS)
    limits.forget()
    yield
    ann_backend.use("auto")
    ann_backend.restore()
    script.set_up(network.HH)


@pytest.fixture(name="here")
def _here(monkeypatch):
    """Networks run in this process, for speed."""

    def started(net, cell, backend):
        receive, send = multiprocessing.Pipe(duplex=False)
        send.send(script.run(net, cell, backend=backend))
        return receive

    monkeypatch.setattr(boundary, "started", started)
    monkeypatch.setattr(boundary, "compile_once", lambda _: None)


def in_neuron(path, *more):
    return boundary.compute(compare.parsed([*NEURON, "--out", str(path), *more]))


def networks(path):
    return json.loads(path.read_text())["networks"]


def compared(path, *more):
    files = ["--neuron", str(path), "--out", str(path.with_name("compare.json"))]
    a = compare.parsed([*SURROGATE, *files, *more])
    return compare.compute(a, catalogue.find("HH"))


def test_points_lie_dense_at_a_boundary_that_is_known(monkeypatch):
    monkeypatch.undo()  # the study's own columns
    s = boundary.settings(compare.parsed([*NEURON, "--out", "x.json"]))
    edge = {p: 3000 * p + 77.0 for p in s["connectivity"]}
    stable, count = {}, None
    while count != len(stable):
        count = len(stable)
        known = boundary.points(s, stable, 6)
        stable = {seed: drive >= edge[p] for p, drive, seed in known}
    assert len(known) == len({seed for *_, seed in known}) >= 60
    assert {0.053, 0.078, 0.1} <= {p for p, *_ in known}
    off = np.array([abs(drive - edge[p]) for p, drive, _ in known])
    assert np.mean(off <= 62.5) >= 0.5
    for p in s["connectivity"]:
        last = [drive for q, drive, _ in known if q == p][-1]
        assert abs(last - edge[p]) <= 1000 / 2**6
    assert [p for p, *_ in known[: len(edge)]] == s["connectivity"]  # fewer first


def test_another_background_leaves_the_graph():
    first, again = (
        network.draw(0.3, 100.0, 1, cell=network.HH, cells=30, background=b)
        for b in (None, (1, 1))
    )
    for field in ("pre", "post", "site", "weight"):
        np.testing.assert_array_equal(getattr(first, field), getattr(again, field))
    assert not np.array_equal(first.t, again.t)
    assert len(again.t) == pytest.approx(len(first.t), rel=0.1)


@pytest.mark.usefixtures("here")
def test_a_killed_run_goes_on_to_the_same_spikes(tmp_path, monkeypatch):
    _, whole = in_neuron(tmp_path / "whole.json", "--halvings", "2")
    assert len(whole) == 12
    assert sum(len(t) for _, t in whole.values()) > 100
    started, left = boundary.started, iter(range(4))

    def killed(*job):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return started(*job)

    monkeypatch.setattr(boundary, "started", killed)
    path = tmp_path / "spikes.json"
    with pytest.raises(KeyboardInterrupt):
        in_neuron(path, "--halvings", "2", "--processes", "1")
    variants = [(n["seed"], n["variant"]) for n in networks(path)]
    assert variants == [(0, v) for v in boundary.VARIANTS] + [(1, "neuron")]
    monkeypatch.setattr(boundary, "started", started)
    in_neuron(path, "--halvings", "1")
    in_neuron(path, "--halvings", "2", "--processes", "3")
    assert networks(path) == networks(tmp_path / "whole.json")
    monkeypatch.setattr(boundary, "started", None)  # nothing is left to do
    in_neuron(path, "--halvings", "2")


@pytest.mark.usefixtures("here")
def test_other_settings_and_other_files_are_refused_by_name(tmp_path, monkeypatch):
    path = tmp_path / "spikes.json"
    with pytest.raises(SystemExit, match=r"expected the file of 'compare.py neuron'"):
        compared(path)
    in_neuron(path, "--halvings", "1")
    for more, message in (
        (["--seed", "5"], "expected seed = 5, got a rett reference with 0"),
        (["--backend", "coreneuron"], "expected backend = coreneuron, got .* neuron"),
    ):
        with pytest.raises(SystemExit, match=message):
            in_neuron(path, *more)
    with pytest.raises(SystemExit, match=r"expected cell = L5PC, got .* with HH"):
        compared(path, "--cell", "L5PC")
    monkeypatch.setattr(network, "WEIGHT_uS", 0.005)
    with pytest.raises(SystemExit, match=r"WEIGHT_uS = 0\.005, got .* with 0\.0036"):
        compared(path)


@pytest.mark.usefixtures("here")
def test_a_surrogate_with_neurons_own_spikes_is_right(tmp_path, monkeypatch):
    path = tmp_path / "spikes.json"
    s, spikes = in_neuron(path, "--halvings", "2")
    order = [p[2] for p in compare.in_neuron(s, spikes)]
    monkeypatch.setattr(rett_map, "run", lambda *_: [spikes[k, "half"] for k in order])
    found = compared(path)
    assert found["agreement"] == 1
    assert [found[error] for error in compare.ERRORS] == [0] * len(compare.ERRORS)
    assert set(found["within"].values()) == {1}
    assert set(found["met"].values()) == {True}
    assert {found["open_loop"][error] for error in compare.ERRORS} == {0}
    assert (
        found["floor"]["double"]["rate_error"] < found["floor"]["other"]["rate_error"]
    )


def test_a_network_that_hears_its_own_spikes_in_open_loop_fires_them_again():
    net, bundle = network.draw(0.6, 100.0, 1, cell=network.HH), catalogue.find("HH")
    closed = rett_map.run([net], network.HH, bundle)[0]
    alone = open_loop.opened(net, compare.trains_of(*closed, net.cells))
    assert len(alone.pre) == 0
    assert len(alone.t) > len(net.t) + 1000
    again, unheard = rett_map.run(
        [alone, open_loop.opened(net, [np.empty(0)] * net.cells)], network.HH, bundle
    )
    np.testing.assert_array_equal(again[0], closed[0])
    np.testing.assert_allclose(again[1], closed[1], atol=1e-3)
    assert script.digest(*unheard) != script.digest(*closed)


@pytest.mark.usefixtures("here")
def test_a_surrogate_that_is_silent_or_wild_is_wrong(tmp_path, monkeypatch):
    path = tmp_path / "spikes.json"
    in_neuron(path, "--halvings", "2")
    silent = np.empty(0, int), np.empty(0)
    monkeypatch.setattr(rett_map, "run", lambda nets, *_: [silent for _ in nets])
    found = compared(path)
    assert [found[error] for error in compare.ERRORS] == [1] * len(compare.ERRORS)
    assert found["within"]["rate_error"] == 0
    assert not any(found["met"][error] for error in compare.BARS)
    t = np.arange(1.0, 250.0, 5.0)
    wild = np.tile(np.arange(CELLS), len(t)), np.repeat(t, CELLS)
    monkeypatch.setattr(rett_map, "run", lambda nets, *_: [wild for _ in nets])
    (tmp_path / "compare.json").unlink()
    found = compared(path)
    stable = [p["neuron"]["stable"] for p in found["points"]]
    assert any(stable)
    assert found["agreement"] == 1 - np.mean(stable)


@pytest.mark.usefixtures("here")
def test_a_comparison_goes_on_with_the_points_that_neuron_has(tmp_path):
    path = tmp_path / "spikes.json"
    in_neuron(path, "--halvings", "1")
    first = compared(path)
    in_neuron(path, "--halvings", "2")
    grown, png = compared(path, "--chunk", "1"), tmp_path / "compare.png"
    assert (len(first["points"]), len(grown["points"])) == (2, 4)
    assert grown["points"][:2] == first["points"]
    text = json.loads((tmp_path / "compare.json").read_text())
    assert {k: text[k] for k in grown} == json.loads(json.dumps(grown))
    keys = "points agreement floor rate_error cv_error correlation_error"
    assert set(keys.split()) <= set(text)
    assert "--halvings 2" in text["commands"]["neuron"]
    assert "--chunk 1" in text["commands"]["surrogate"]
    (tmp_path / "compare.json").unlink()
    assert compared(path)["points"] == grown["points"]
    compare.figure.draw(grown, png)
    assert png.read_bytes()[:4] == b"\x89PNG"


def test_statistics_are_those_of_trains_that_are_known():
    t = np.arange(5.0, 250.0, 20.0)  # one spike in every second count
    both, at = np.repeat([0, 1], len(t)), np.tile(t, 2)
    found = compare.statistics(both, at, 4)
    assert found["cv"] == pytest.approx(0)
    assert found["correlation"] == pytest.approx(1)
    assert found["rate_Hz"] == 2 * 13 / 4 / 0.25
    assert sum(found["psth_Hz"]) * compare.PSTH_MS / 1000 * 4 == pytest.approx(26)
    at[len(t) :] += 10.0  # the other counts
    assert compare.statistics(both, at, 4)["correlation"] < -0.9
    uneven = np.array([10.0, 12.0, 16.0, 18.0])  # 2, 4, 2 ms
    found = compare.statistics(np.zeros(4, int), uneven, 4)
    assert found["cv"] == pytest.approx(np.std([2, 4, 2]) / (8 / 3))
    assert found["correlation"] == 0
    assert compare.statistics(np.zeros(3, int), uneven[:3], 4)["cv"] is None
    rings = np.sort(np.r_[uneven, 12.12, 12.24])
    assert compare.statistics(np.zeros(6, int), rings, 4) == found


def test_the_commands_run_in_processes_of_their_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(boundary, "CONNECTIVITY", COLUMNS[:1])
    spikes, out = tmp_path / "spikes.json", tmp_path / "compare.json"
    compare.main([*NEURON, "--halvings", "1", "--out", str(spikes)])
    compare.main([*SURROGATE, "--neuron", str(spikes), "--out", str(out)])
    assert "1 points" in capsys.readouterr().out
    s, found = boundary.load(spikes, "HH")[:2]
    job = boundary.points(s, {}, 1)[0], "half"
    net, cell = boundary.drawn(*job, s)
    assert cell.dt_ms == network.HH.dt_ms / 2
    who, when = script.run(net, cell)
    np.testing.assert_array_equal(found[0, "half"][0], who)
    np.testing.assert_array_equal(found[0, "half"][1], np.round(when, 6))
    with pytest.raises(SystemExit, match="but its process ended"):
        boundary.received(boundary.started(net, replace(cell, name="X"), "neuron"))


def test_a_network_is_timed_on_both_sides(tmp_path, monkeypatch, capsys):
    out = tmp_path / "speed.json"
    given = ["--connectivity", "0.3", "--drive", "100", "--out", str(out)]
    speed.main([*NEURON[1:], *given, "--repeats", "1"])
    found = json.loads(out.read_text())
    net = network.draw(0.3, 100.0, 0, cell=network.HH, cells=CELLS)
    for side, backend in (("neuron", "neuron"), ("surrogate", "surrogate")):
        spikes = script.run(net, network.HH, backend=backend)[1]
        assert len(spikes) > 5
        assert found[side]["rate_Hz"] == pytest.approx(len(spikes) / CELLS / 0.25)
        assert found[side]["seconds"] == [found[side]["median_s"]]
    ratio = found["neuron"]["median_s"] / found["surrogate"]["median_s"]
    assert found["ratio"] == ratio > 0
    assert found["fidelity"]["f1_2ms"] > 0.9
    assert f"NEURON / replaced: {ratio:.0f}" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="expected a connectivity of 0 to 2/3, got 2"):
        speed.main([*NEURON[1:], *given, "--connectivity", "2"])
    runs = iter([(1.0, 7, "a"), (1.0, 7, "b"), (1.0, 7, "c")])
    monkeypatch.setattr(build, "apart", lambda *_: next(runs))
    with pytest.raises(SystemExit, match="expected the spikes of the first"):
        speed.main([*NEURON[1:], *given, "--repeats", "2"])


@pytest.mark.slow
def test_coreneuron_has_the_spikes_of_neuron(monkeypatch):
    monkeypatch.undo()  # the study's own background
    cell = network.SHIPPED["L5PC"]
    net = network.draw(0.6, 0.0, 1, cell=cell, cells=4)
    alone = replace(
        net, **{f: getattr(net, f)[:0] for f in ("pre", "post", "site", "weight")}
    )
    core = functools.partial(script.run, backend="coreneuron")
    fast, slow = (build.apart(run, net, cell) for run in (core, script.run))
    assert len(fast[1]) > 10
    assert script.digest(*fast) == script.digest(*slow)
    assert script.digest(*build.apart(core, alone, cell)) != script.digest(*fast)


def test_the_results_that_are_shown_are_the_shipped_bundle_s(monkeypatch, tmp_path):
    monkeypatch.undo()  # the study itself
    shown = json.loads((RETT / "results" / "compare.json").read_text())
    bundle, neuron = catalogue.find("L5PC"), RETT / "results" / "neuron.json"
    timed = json.loads((RETT / "results" / "speed.json").read_text())
    for each in (shown, timed):
        assert each["settings"]["bundle_sha256"] == bundle.manifest.manifest_sha256
    given = ["--neuron", str(neuron), "--out", str(tmp_path / "compare.json")]
    found = compare.compute(compare.parsed(["surrogate", *given]), bundle)
    assert len(found["points"]) == len(shown["points"]) >= 60
    for name in ("agreement", "rate_error", "correlation_error"):
        assert found[name] == pytest.approx(shown[name], abs=0.05)
    assert found["floor"] == shown["floor"]


def test_a_point_without_cv_on_one_side_says_nothing_about_it():
    def point(neuron, surrogate):
        return {"neuron": {"cv": neuron}, "surrogate": {"cv": surrogate}}

    points = [point(0.5, 0.4), point(None, 0.7), point(0.5, None), point(None, None)]
    these = compare.having(points, "cv", "surrogate")
    assert these == points[:1]
    miss, size = compare.off(these, "surrogate", "cv")
    np.testing.assert_allclose(miss, [0.1])
    np.testing.assert_allclose(size, [0.5])
