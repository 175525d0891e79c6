"""Shards: what is interrupted resumes, what is foreign or damaged is refused."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ann_backend.errors import AnnBackendError
from ann_backend.train.cell import HH, SHIPPED
from ann_backend.train.dataset import SPLITS, Request, generate, load
from ann_backend.train.sampling import NETWORK_SEEDS
from ann_backend.train.shard import pack, unpack


@pytest.fixture(scope="module")
def request_(hh):
    return Request(cell=hh, split="train", seed=3, trials=6, duration_ms=1000, rows=3)


@pytest.fixture(scope="module")
def made(request_, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trials")
    return folder, generate(request_, folder, processes=2, quiet=True)


def copied(request, source, target, shards):
    for shard in shards:
        path = request.path(target, shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(request.path(source, shard).read_bytes())


def test_the_events_of_a_shard_are_drawn_again_and_kept(made, request_):
    again = load(request_, made[0])
    for trial in again.trials:
        assert trial.events is trial.events
        assert trial.redraw().digest() == trial.events_sha256
    assert again.events_sha256 == made[1].events_sha256


def test_a_shard_stores_no_events(request_, made):
    with np.load(request_.path(made[0], 0)) as file:
        kept = {name: file[name].nbytes for name in file.files if name != "made"}
    assert sum(kept.values()) < 3 * (1000 * 4 + 20_000)
    assert "drives" in kept


def test_ringing_is_no_spike_and_keeps_its_trial_from_the_waveform(made):
    trial = dataclasses.replace(made[1].trials[0], ap_count=3)
    rings, sound = (
        dataclasses.replace(trial, spikes=np.array(t))
        for t in ([10.0, 10.4, 10.52, 12.0, 12.9, 20.0], [10.0, 12.0, 20.0])
    )
    arrays = dict(pack([rings, sound, rings]))
    assert len(arrays["spikes"]) == 15  # a shard keeps all
    found = unpack(trial.cell, [trial.seed] * 3, arrays)
    for one in found:
        assert one.spikes.tolist() == [10.0, 12.0, 20.0]
    assert [one.ap_count for one in found] == [0, 3, 0]
    assert not found[0].ap_sum.any()
    assert np.array_equal(found[1].ap_sum, trial.ap_sum)


def test_events_that_another_numpy_would_draw_are_refused(made):
    other = dataclasses.replace(made[1].trials[0], events_sha256="0" * 64)
    with pytest.raises(AnnBackendError, match="drew others"):
        _ = other.events


def test_an_interrupted_generation_resumes_to_the_same_trials(request_, made, tmp_path):
    folder, whole = made
    copied(request_, folder, tmp_path, [0])
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    half, other = (
        request_.path(tmp_path, 1).with_suffix(f".{pid}.partial")
        for pid in (int(gone.stdout), os.getppid())
    )
    half.write_bytes(b"half")
    other.write_bytes(b"of a process that goes on")
    resumed = generate(request_, tmp_path, processes=1, quiet=True)
    assert resumed.events_sha256 == whole.events_sha256
    for a, b in zip(resumed.trials, whole.trials, strict=True):
        assert np.array_equal(a.v, b.v)
        assert np.array_equal(a.spikes, b.spikes)
    assert list(tmp_path.rglob("*.partial")) == [other]


def test_workers_end_with_a_process_that_is_killed(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    # its output closes when the last that writes there has ended
    asked = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, timeout=30)
    assert asked.returncode == -signal.SIGKILL
    assert int(asked.stdout)


KILLED = """
import os, signal, time
from ann_backend.train import build

if __name__ == "__main__":
    with build.workers(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 60)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_sets_of_other_seeds_and_sizes_lie_apart(request_):
    changes = {"seed": 4}, {"rows": 4}, {"duration_ms": 500}, {"dt_ms": 0.0125}
    others = [dataclasses.replace(request_, **change) for change in changes]
    assert len({r.path(Path(), 0) for r in (request_, *others)}) == 5


def test_trials_of_mechanisms_that_were_edited_are_refused(request_, made, monkeypatch):
    monkeypatch.setattr("ann_backend.train.dataset.statements", lambda _: "edited")
    with pytest.raises(AnnBackendError, match="of the mechanisms edited, got"):
        load(request_, made[0])


def test_what_is_there_can_be_loaded_while_more_is_made(request_, made, tmp_path):
    copied(request_, made[0], tmp_path, [1])
    some = load(request_, tmp_path, partial=True)
    assert [t.seed for t in some.trials] == request_.seeds(1)
    with pytest.raises(AnnBackendError, match="expected a whole shard"):
        load(request_, tmp_path)


def test_splits_share_no_seed(request_):
    seeds = [
        seed
        for split in SPLITS
        for number in (1, 2, 2**31)
        for seed in dataclasses.replace(request_, split=split, seed=number).seeds(0)
    ]
    assert len(set(seeds)) == len(seeds)
    last = dataclasses.replace(request_, split="network").seeds(0)
    assert min(last) >= NETWORK_SEEDS > max(seeds[: -3 * request_.rows])


def test_shards_are_whole_and_the_first_trials_are_asked_for(request_, made):
    fewer = load(dataclasses.replace(request_, trials=4), made[0])
    assert [t.seed for t in fewer.trials] == [t.seed for t in made[1].trials[:4]]
    assert fewer.events_sha256 == made[1].first(4).events_sha256


def test_half_the_step_has_the_same_events(request_, made):
    half = dataclasses.replace(request_, dt_ms=0.0125)
    found = generate(half, made[0], processes=1, quiet=True)
    assert found.events_sha256 == made[1].events_sha256
    for a, b in zip(found.trials, made[1].trials, strict=True):
        assert not np.array_equal(a.v, b.v)
        assert a.ap_sum.size == 2 * b.ap_sum.size - 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"celsius": 7.0}, r"cell \{'celsius': 7.0\}, got \{'celsius': 6.3\}"),
        ({"channels": HH.channels[:2]}, "channels"),
        ({"digest": "a" * 64}, r"cell \{'digest': 'aaa"),
    ],
)
def test_shards_of_another_cell_are_refused(request_, made, change, named):
    other = dataclasses.replace(request_.cell, **change)
    with pytest.raises(AnnBackendError, match=f"expected {named}"):
        load(dataclasses.replace(request_, cell=other), made[0])


@pytest.mark.parametrize("name", ["mechanisms_sha256", "neuron_version", "teacher"])
def test_shards_of_two_teachers_are_not_mixed(request_, made, tmp_path, name):
    copied(request_, made[0], tmp_path, [0, 1])
    path = request_.path(tmp_path, 1)
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    found = json.loads(str(arrays["made"])) | {name: "another"}
    with path.open("wb") as file:
        np.savez(file, **(arrays | {"made": json.dumps(found)}))
    with pytest.raises(AnnBackendError, match=f"expected {name} .* got another"):
        load(request_, tmp_path)


def test_a_damaged_shard_is_refused(request_, made, tmp_path):
    copied(request_, made[0], tmp_path, [0, 1])
    path = request_.path(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(AnnBackendError, match="expected a whole shard"):
        load(request_, tmp_path)


def test_a_description_that_is_not_spelled_out_is_refused():
    with pytest.raises(AnnBackendError, match="expected a resolved description"):
        Request(cell=SHIPPED["L5PC"], split="train", seed=1, trials=1, duration_ms=10)


def test_the_command_goes_on_where_it_stopped(tmp_path, capsys):
    from ann_backend.__main__ import main

    line = f"data HH --hours 0.001 --trial-s 1 --folder {tmp_path} --processes 1"
    line += f" --quiet --json {tmp_path}/r.json"
    assert main(line.split()) == 0
    first = json.loads((tmp_path / "r.json").read_text())
    assert first["trials"] == 4
    (shard,) = tmp_path.rglob("*.npz")
    written = shard.stat().st_mtime_ns
    assert main(line.replace("0.001", "0.003").split()) == 0
    assert json.loads((tmp_path / "r.json").read_text())["trials"] == 11
    assert len(list(tmp_path.rglob("*.npz"))) == 2
    assert shard.stat().st_mtime_ns == written
    assert "CoreNEURON" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("data nothing", "a cell that ships"),
        ("data HH --split x", "expected a split"),
        ("data HH --hours -1", "expected hours above 0 .* got -1 h"),
        ("data HH --trial-s 0", "trials of 1 s or more, got 4 h in trials of 0 s"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(line, named, capsys):
    from ann_backend.__main__ import main

    assert main(line.split()) == 1
    assert re.search(named, capsys.readouterr().err)
