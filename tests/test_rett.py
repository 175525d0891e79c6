"""The Rett study: its networks, its script and its map, with the bundle that ships."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ann_backend
from ann_backend.errors import BundleError, CellError
from ann_backend.run import catalogue, limits
from ann_backend.train.cell import SHIPPED
from ann_backend.train.resolve import resolve

RETT = Path(__file__).parents[1] / "examples" / "rett"
sys.path.insert(0, str(RETT))
import map as rett_map  # noqa: E402
import network  # noqa: E402
import script  # noqa: E402

CELLS = 12
SMALL = ["--cell", "HH", "--cells", str(CELLS), "--points", "3", "--graphs", "2"]
SMALL += ["--threads", "1", "--chunk", "7"]
pytestmark = pytest.mark.filterwarnings("ignore::ann_backend.ApproximationWarning")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """A drive at which HH cells fire now and then; everything given back."""
    monkeypatch.setattr(network, "EXCITATION_HZ", 150.0)
    monkeypatch.setattr(rett_map, "CONNECTIVITY", (0.1, 0.6))
    limits.forget()
    yield
    ann_backend.use("auto")
    ann_backend.restore()
    script.set_up(network.HH)


def drawn(p=0.3, drive=100.0, seed=1, **options):
    return network.draw(p, drive, seed, **{"cell": network.HH, "cells": 60, **options})


def test_one_seed_is_one_network():
    for field in ("pre", "post", "site", "weight", "cell", "place", "weights", "t"):
        first, again, other = (getattr(drawn(seed=s), field) for s in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other) or len(set(first)) == 1


def test_connections_are_as_probable_and_strong_as_stated():
    net = network.draw(0.1, 0.0, 3, cells=400)
    pairs, contacts = np.unique([net.pre, net.post], axis=1, return_counts=True)
    assert set(contacts) == {network.SITES}
    one_way = {tuple(pair) for pair in pairs.T}
    both = {pair for pair in one_way if pair[::-1] in one_way}
    count = 400 * 399 / 2
    sd = np.sqrt(count * 0.1)  # of a count of pairs, at most
    assert len(one_way - both) == pytest.approx(0.1 * count, abs=4 * sd)
    assert len(both) / 2 == pytest.approx(0.05 * count, abs=4 * sd)
    assert all(a != b for a, b in one_way)
    reciprocal = [pair in both for pair in zip(net.pre, net.post, strict=True)]
    expected = np.where(reciprocal, 1.5 * 0.0036, 0.0036)
    np.testing.assert_allclose(net.weight, expected, rtol=1e-7)


def test_background_and_stimulus_are_those_of_the_constants():
    cell = network.SHIPPED["L5PC"]
    net = network.draw(0.05, 200.0, 4, cells=150)
    seconds = 150 * network.END_MS / 1000
    places = np.array([mechanism for mechanism, _ in cell.places])[net.place]
    at_once = net.t == network.STIMULUS_MS
    assert np.sum(net.weights[at_once]) == pytest.approx(150 * 0.05)
    assert set(np.bincount(net.cell[at_once])) == {network.STIMULUS_CONTACTS}
    for mechanism, rate in (
        ("ann_GABAA", 200),
        ("ann_AMPANMDA", network.EXCITATION_HZ),
    ):
        found = np.sum((places == mechanism) & ~at_once)
        assert found == pytest.approx(rate * seconds, abs=5 * np.sqrt(rate * seconds))
    assert np.all(np.diff(net.t) >= 0)


@pytest.mark.parametrize(
    ("p", "drive", "message"),
    [(0.7, 0.0, "of 0 to 2/3, got 0.7"), (0.1, -1.0, "0 Hz or more, got -1")],
)
def test_a_network_that_cannot_be_is_refused(p, drive, message):
    with pytest.raises(ValueError, match=message):
        drawn(p, drive)


def test_commands_refuse_nothing_at_all_and_a_folder_that_is_not_there(capsys):
    with pytest.raises(SystemExit):
        rett_map.main([*SMALL, "--points", "0", "--out", "map.json"])
    assert "--points: expected 1 or more, got 0" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="expected a folder to write in"):
        rett_map.main([*SMALL, "--out", "nowhere/map.json"])


def test_read_outs_count_before_and_just_after_the_stimulus():
    t = np.array([50.0, 99.9, 100.5, 105.0, 109.9, 110.0])
    found = network.readouts(np.array([0, 1, 0, 0, 2, 3]), t, 4)
    assert found == {"baseline_Hz": 5.0, "stable": False, "response": 0.5}


def computed(folder, name="map.json", *more):
    a = rett_map.parsed([*SMALL, "--out", str(folder / name), *more])
    return rett_map.compute(a, catalogue.find("HH"))


def test_at_five_points_the_script_spikes_as_the_map_does(tmp_path):
    _, done = computed(tmp_path)
    assert len(done) == 18
    assert len({n["digest"] for n in done}) == 18
    total = 0
    for n in done[::4]:
        point = n["connectivity"], n["drive_Hz"], n["seed"]
        net = network.draw(*point, cell=network.HH, cells=CELLS)
        spikes = script.run(net, network.HH, backend="surrogate")
        assert script.digest(*spikes) == n["digest"]
        assert network.readouts(*spikes, CELLS).items() <= n.items()
        total += len(spikes[1])
    assert total > 50


def test_connections_and_their_plasticity_matter():
    def spikes(net):
        return rett_map.run([net], network.HH, catalogue.find("HH"))[0][1].tolist()

    net = drawn(p=0.6, cells=CELLS)
    plastic = spikes(net)
    none = {f: getattr(net, f)[:0] for f in ("pre", "post", "site", "weight")}
    assert spikes(replace(net, **none)) != plastic
    network.PLASTICITY, kept = {"U": 0.0}, network.PLASTICITY
    try:
        assert spikes(net) != plastic
    finally:
        network.PLASTICITY = kept


def test_a_killed_map_goes_on_to_the_same_result(tmp_path, monkeypatch):
    _, whole = computed(tmp_path, "whole.json")
    run = rett_map.run

    def killed(nets, *rest):
        if (tmp_path / "map.json").exists():
            raise KeyboardInterrupt
        return run(nets, *rest)

    monkeypatch.setattr(rett_map, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        computed(tmp_path)
    assert len(json.loads((tmp_path / "map.json").read_text())["networks"]) == 7
    monkeypatch.setattr(rett_map, "run", run)
    computed(tmp_path, "map.json", "--chunk", "5")
    files = [(tmp_path / f"{name}.json").read_text() for name in ("whole", "map")]
    assert files[0] == files[1]
    monkeypatch.setattr(rett_map, "run", None)  # nothing is left to do
    assert computed(tmp_path)[1] == whole


def test_other_settings_and_other_files_are_refused_by_name(tmp_path, monkeypatch):
    computed(tmp_path, "map.json", "--points", "2", "--graphs", "1")
    with pytest.raises(SystemExit, match="expected graphs = 2, got a rett map with 1"):
        computed(tmp_path, "map.json", "--points", "2")
    monkeypatch.setattr(network, "DELAY_MS", 2.0)
    with pytest.raises(SystemExit, match=r"DELAY_MS = 2\.0, got a rett map with 1\.0"):
        computed(tmp_path, "map.json", "--points", "2", "--graphs", "1")
    for text in ("", "[]", '{"format": "rett map", "version": 9}'):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(SystemExit, match="expected a rett map of version 1"):
            computed(tmp_path, "other.json")


def test_the_command_draws_and_says_what_bundle_it_lacks(tmp_path):
    out, png = tmp_path / "map.json", tmp_path / "map.png"
    small = [*SMALL, "--graphs", "1", "--points", "2", "--out", str(out)]
    rett_map.main([*small, "--plot", str(png)])
    assert png.read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(SystemExit, match="bundle 'L9PC': expected a path to"):
        rett_map.main([*small, "--bundle", "L9PC"])
    net = drawn(cells=2)
    with pytest.raises(BundleError, match="bundle 'L9PC': expected a path"):
        script.run(net, network.HH, backend="surrogate", bundle="L9PC")


def test_every_place_of_the_study_is_a_channel_of_L5PC():
    channels = resolve(SHIPPED["L5PC"]).channels
    known = {(mechanism, c.location) for c in channels for mechanism, _ in c.synapses}
    assert set(network.SHIPPED["L5PC"].places) <= known


def test_a_bundle_without_a_place_of_the_cell_is_refused():
    with pytest.raises(
        CellError, match=r"'HH': expected a channel for ann_AMPANMDA at"
    ):
        rett_map.channels(catalogue.find("HH"), network.SHIPPED["L5PC"])
