"""Replaced cells on any rank of an MPI run: exact, with exchanges on bin edges."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ann_backend import _engine

pytestmark = pytest.mark.skipif(shutil.which("mpirun") is None, reason="needs mpirun")

RING = Path(__file__).parent / "mpi_ring.py"


def mpirun(*args, ranks=2):
    command = ["mpirun", "--oversubscribe", "-n", f"{ranks}", sys.executable, *args]
    allowed = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    }
    return subprocess.run(
        command, env=os.environ | allowed, capture_output=True, text=True, timeout=120
    )


def ring(*args):
    return mpirun(RING, *args)


@pytest.mark.parametrize("replaced", ["0,1", "0", "1"])
@pytest.mark.parametrize("delay", ["1.0", "1.5", "2.3"])
def test_a_ring_over_two_ranks_is_unchanged(delay, replaced):
    done = ring(delay, replaced)
    found = re.findall(r"rank (\d): (\d+) spikes, (same|DIFFERENT)", done.stdout)
    assert sorted(rank for rank, _, _ in found) == ["0", "1"], done.stdout + done.stderr
    assert all(int(spikes) >= 3 for _, spikes, _ in found)
    assert all(verdict == "same" for _, _, verdict in found)


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_a_random_network_over_ranks_is_the_same_without_the_queue(ranks):
    done = mpirun(RING.with_name("mpi_fan_out.py"), "3", ranks=ranks)
    found = re.findall(
        r"rank \d: (\d+) events, (\d+) spikes, (\d+) flown, same", done.stdout
    )
    assert len(found) == ranks, done.stdout + done.stderr
    for events, spikes, flown in found:
        assert int(events) > 200
        assert int(spikes) > 20
        assert int(flown) > 200


def split(mode, folder, *, ranks):
    done = mpirun(RING.with_name("mpi_state.py"), mode, str(folder), ranks=ranks)
    return done.stdout + done.stderr


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_a_run_split_in_two_equals_the_whole_on_all_ranks(ranks, tmp_path):
    said = [split(mode, tmp_path, ranks=ranks) for mode in ("whole", "save", "load")]
    for rank in range(ranks):
        found = [tmp_path / f"{mode}.{rank}.npz" for mode in ("whole", "load")]
        assert all(path.exists() for path in found), said
        whole, joined = (dict(np.load(path)) for path in found)
        assert len(whole["t"]) > 10
        for name, array in whole.items():
            np.testing.assert_array_equal(joined[name], array)


def test_a_state_with_spikes_between_ranks_or_of_other_ranks_is_refused(tmp_path):
    said = split("late", tmp_path, ranks=2)
    assert "expected ranks that have exchanged their spikes" in said
    assert not list(tmp_path.glob("ours*"))
    split("save", tmp_path, ranks=2)
    shutil.copy(tmp_path / "ours.1", tmp_path / "ours.0")
    said = split("load", tmp_path, ranks=2)
    assert "ours.0: expected rank 0 of 2, got rank 1 of 2; run on as many" in said


LOCAL = """
import sys
from ann_backend import _engine
open(sys.argv[1] % _engine.local_rank(), "x")
"""


def test_ranks_of_a_host_take_different_gpus(tmp_path):
    # a file each: mpirun may lose what a short process prints
    done = mpirun("-c", LOCAL, str(tmp_path / "%d"), ranks=3)
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == ["0", "1", "2"], done.stderr


@pytest.mark.parametrize(("said", "rank"), [("3", 3), ("", 0), ("-1", 0), ("1x", 0)])
def test_a_launcher_says_which_rank_this_is(said, rank, monkeypatch):
    monkeypatch.delenv("OMPI_COMM_WORLD_LOCAL_RANK", raising=False)
    monkeypatch.setenv("SLURM_LOCALID", said)
    assert _engine.local_rank() == rank


def test_an_exchange_off_the_bins_is_refused():
    done = ring("2.3", "0", "late")
    assert "takes the spike exchange off the 1 ms bins" in done.stdout + done.stderr


def test_compressed_spikes_are_refused():
    done = ring("2.3", "0", "compress")
    assert "spike_compress rounds spike times" in done.stdout + done.stderr


def test_delays_below_the_bin_between_ranks_run_and_are_said():
    done = ring("0.7", "0,1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the shortest delay between ranks is 0.7 ms" in done.stderr


BOARD = """
from neuron import h
import ann_backend
h.nrnmpi_init()
pc = h.ParallelContext()
section = h.Section(name="section")
def job(i):
    h.finitialize(-65)
    return i * i
pc.runworker()
for i in range(5):
    pc.submit(job, i)
total = 0
while pc.working():
    total += pc.pyret()
print("total", total, flush=True)
pc.done()
h.quit()
"""


def test_a_bulletin_board_of_jobs_is_left_alone():
    done = mpirun("-c", BOARD)
    assert "total 30" in done.stdout, done.stdout + done.stderr
