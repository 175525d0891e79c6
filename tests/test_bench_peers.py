"""The benchmark's peers: published shapes, the very cell, clear errors. No network."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import ann_backend
from ann_backend import template
from ann_backend.__main__ import main
from ann_backend.bench.drive import Drive
from ann_backend.bench.engines import PEERS, Job
from ann_backend.bench.peers import environment, kinetics, report
from ann_backend.bench.peers.engine import Line, Peer
from ann_backend.bench.peers.geometry import NEAR, described
from ann_backend.bench.peers.sources import PUBLISHED, SOURCES
from ann_backend.bench.peers.there.branch_elm import Streamed
from ann_backend.bench.peers.there.events import INPUTS, Events
from ann_backend.errors import AnnBackendError
from ann_backend.train.cell import HH


@pytest.fixture(scope="module")
def cell():
    return ann_backend.load("L5PC")()


@pytest.fixture(scope="module")
def found(cell):
    return described(cell)


# ---- Branch-ELM


def test_branch_elm_has_the_published_number_of_parameters():
    assert Streamed(1).parameters == 54_002


def test_branch_elm_streams_what_it_computes_from_a_whole_sequence():
    rows, bins = 3, 40
    streamed, events = Streamed(rows), Events.drawn(rows, 0, bins, 14.0, 1)
    x = torch.zeros(rows, bins, INPUTS)
    with torch.inference_mode():
        for n, (row, synapse) in enumerate(events.each):
            ones = torch.ones(len(row))
            where = torch.from_numpy(row), torch.tensor([n] * len(row))
            x.index_put_((*where, torch.from_numpy(synapse)), ones, accumulate=True)
        step = (streamed.step(*map(torch.from_numpy, pair)) for pair in events.each)
        mine, whole = torch.stack(list(step), 1), streamed.net(x)
    assert whole.std() > 0.01
    # sums in another order, and a feedback of gain 5 over 40 steps
    assert torch.allclose(mine, whole, atol=1e-4)


def test_the_peers_events_have_the_stated_rate():
    events = Events.drawn(20, 0, 500, 14.0, 1)
    assert sum(len(row) for row, _ in events.each) == pytest.approx(140_000, rel=0.02)
    assert max(synapse.max() for _, synapse in events.each) == INPUTS - 1


# ---- the cell for Jaxley


def test_every_segment_is_in_one_branch(cell, found):
    count = sum(section.nseg for section in cell.all)
    own = [k for _, branch in found["branches"] for k in branch]
    assert sorted(own) == list(range(count)) == list(range(len(found["segments"])))
    parents = [parent for parent, _ in found["branches"]]
    assert parents[0] == -1
    assert all(0 <= parent < k for k, parent in enumerate(parents[1:], 1))


def test_jaxley_gets_neurons_areas_and_channels(cell, found):
    segments = [s for section in template.sections(cell) for s in section]
    for segment, given in zip(segments, found["segments"], strict=True):
        assert given["area"] == segment.area()
        assert (given["Ra"], given["cm"]) == (segment.sec.Ra, segment.cm)
        inserted = segment.sec.psection()["density_mechs"]
        assert given["mechanisms"].keys() == inserted.keys()
        for name, parameters in given["mechanisms"].items():
            assert "g" in parameters or "gbar" in parameters or name == "ann_CaDyn"
            for key, value in parameters.items():
                assert value == getattr(segment, f"{key}_{name}")
        if "ena" in given["ions"]:
            assert given["ions"] == {"ena": 50.0, "ek": -85.0, "cao": 2.0}


def test_jaxley_gets_neurons_resistances_between_segments(cell, found):
    given = iter(found["segments"])
    for section in template.sections(cell):
        before = 0.0  # to a section's first segment from the point where it joins
        for segment in section:
            near, far = next(given)["load"]  # 1 / um
            if section in list(cell.axonal):
                near, far = far, near
            ri = (before + near) * section.Ra * 1e-2  # Mohm
            assert ri == pytest.approx(segment.ri(), rel=NEAR)
            before = far


# ---- the environment


def test_a_pip_that_fails_ends_in_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    def run(command, **_):
        failed = "pip" in command
        return subprocess.CompletedProcess(command, failed, "", "No matching version")

    monkeypatch.setenv("ANN_BACKEND_CACHE", str(tmp_path))
    monkeypatch.setattr(environment.subprocess, "run", run)
    said = []
    with pytest.raises(
        AnnBackendError, match=r"(?s)package index.*No matching version"
    ):
        environment.python(said.append)
    assert "once" in said[0]
    assert not list(tmp_path.glob("peers-*/finished"))


def test_the_environment_is_made_once(tmp_path, monkeypatch):
    ran = []

    def run(command, **_):
        ran.append(command)
        (tmp_path / command[-1]).mkdir(parents=True, exist_ok=True)  # of venv: a path
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setenv("ANN_BACKEND_CACHE", str(tmp_path))
    monkeypatch.setattr(environment.subprocess, "run", run)
    first = environment.python(print)
    count = len(ran)
    assert environment.python(print) == first
    assert len(ran) == count
    assert ran[-1][-len(environment.PINS) :] == list(environment.PINS)


@pytest.fixture
def here(monkeypatch):
    """The tests' own interpreter in place of the peers'; it has torch, too."""
    monkeypatch.setattr(environment, "python", lambda _: sys.executable)


@pytest.mark.usefixtures("here")
def test_a_peer_runs_as_an_engine():
    job = Job("Branch-ELM", HH, None, range(2), 1, Drive.of(HH, 1))
    peer = Peer(job)
    assert peer.size == {"parameters": 54_002}
    assert 0.0 < peer.run(10) < 10.0
    assert peer.run(20) > 0.0
    assert peer.t == 30
    assert peer.more()["memory_MB"] > 1.0
    peer.line.close()


@pytest.mark.usefixtures("here")
def test_a_peer_that_ends_says_why():
    with pytest.raises(AnnBackendError, match=r"(?s)the peer's process ended.*rows"):
        Line({"engine": "Branch-ELM"})


# ---- what is said of them


def test_every_peer_has_its_source():
    assert SOURCES.keys() == PEERS.keys()
    assert PUBLISHED.keys() == {k for k in PEERS if not k.startswith("Jaxley")}


CHECK = {"rest_mV": 1e-5, "step_mV": 2.0, "spikes": [2, 3], "spikes_ms": None}


def test_the_result_says_where_peers_are_from_and_what_jaxleys_cell_is(monkeypatch):
    monkeypatch.setattr(report, "apart", lambda *given: CHECK | {"engine": given[-1]})
    rows = [{"engine": "ours"}, {"engine": "AxoSim Lite"}]
    given = {"rows": rows, "notes": ["of other engines"], "targets": [1]}
    result = report.completed(given, HH, lambda _: None)
    assert result["rows"][0]["source"] is None
    assert "24 tokens" in result["rows"][1]["source"]
    assert "AxoBench" in result["rows"][1]["published"]
    assert [x["engine"] for x in result["kinetics"]] == ["Jaxley", "Jaxley, single"]
    assert "of other engines" not in result["notes"]
    assert result["notes"][-1].endswith("3 spikes where NEURON has 2")
    assert result["targets"] == result["break_even"] == []


def test_peers_are_by_themselves(capsys):
    for other in (["--scaling"], ["--part", "ranks"], ["--cell", "HH"]):
        assert main(["bench", "--peers", *other]) == 1
        assert "leave --scaling, --part and --cell out" in capsys.readouterr().err
    assert main(["bench", "--peers", "--engine", "NEURON"]) == 1
    assert "expected some of ours, Jaxley" in capsys.readouterr().err


def test_the_check_of_jaxleys_kinetics_times_spikes_between_steps():
    v = np.array([-70.0, -10.0, 30.0, -60.0, -20.0, 20.0])
    assert kinetics._crossings(v, 0.0).tolist() == pytest.approx([0.03125, 0.1125])
