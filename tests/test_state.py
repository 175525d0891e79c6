"""A run split in two, with NEURON's SaveState and save_state, is the whole."""

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from split_run import CELLS, END, ROWS, Network

import ann_backend
from ann_backend import StateError
from ann_backend.nrn import h
from ann_backend.run import state as states

pytestmark = pytest.mark.filterwarnings("ignore::ann_backend.ApproximationWarning")


@pytest.fixture
def network():
    yield (made := Network())
    made.__dict__.clear()
    ann_backend.restore()
    gc.collect()
    h.finitialize(-65)


def whole(network, since):
    network.start()
    h.continuerun(END)
    return network.result(since)


def saved(network, folder, at):
    network.start()
    h.continuerun(at)
    network.save(folder)


def assert_goes_on(whole, second, since):
    """The second run's spikes, and its samples from the first whole ms on."""
    from_ms = np.ceil(since - 1e-6)
    for name, array in whole.items():
        other = second[name]
        if name.startswith(("v", "coarse", "listed")):
            step = {"v": 0.025, "c": 0.1, "l": 0.7}[name[0]]
            n = int((END - from_ms) / step) - 1
            array, other = array[-n:], other[-n:]
            assert len(other) == n
        np.testing.assert_array_equal(array, other, err_msg=name)


def in_process(part, folder, cut):
    script = Path(__file__).parent / "split_run.py"
    command = [sys.executable, str(script), part, str(folder), str(cut)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.load(folder / f"{part}.npz")


@pytest.mark.parametrize("cut", [137.0, 61.3])
def test_a_run_split_in_two_processes_is_the_whole_to_the_last_bit(tmp_path, cut):
    # in fresh processes: NEURON's SaveState crashes if the model has other objects
    expected = in_process("first", tmp_path, cut)
    assert sum(len(expected[f"spikes{k}"]) for k in range(CELLS)) > 20
    assert len(expected[f"spikes{CELLS}"]) > 0
    assert len(set(expected["gid"])) == ROWS
    assert_goes_on(expected, in_process("second", tmp_path, cut), cut)


def test_so_is_one_that_goes_back_in_the_same_process(network, tmp_path):
    expected = whole(network, 137.0)
    saved(network, tmp_path, 137.0)
    h.continuerun(180)
    network.load(tmp_path)
    h.continuerun(END)
    assert_goes_on(expected, network.result(137.0), 137.0)
    np.testing.assert_equal(whole(network, 137.0), expected)  # nothing of it is left


def test_either_may_be_saved_first(network, tmp_path):
    saved(network, tmp_path, 100.0)
    first = (tmp_path / "ours").read_bytes()
    network.start()
    h.continuerun(100.0)
    ann_backend.save_state(tmp_path / "ours")
    assert (tmp_path / "ours").read_bytes() == first


def test_another_time_is_refused_and_changes_nothing(network, tmp_path):
    expected = whole(network, 50.0)
    saved(network, tmp_path, 50.0)
    network.start()
    h.continuerun(70)
    with pytest.raises(
        StateError, match=r"t to be that of the state, 50 ms, got 70 ms"
    ):
        ann_backend.load_state(tmp_path / "ours")
    h.continuerun(END)
    assert_goes_on(expected, network.result(50.0), 50.0)


def test_other_rows_gids_and_populations_are_refused(network, tmp_path):
    saved(network, tmp_path, 5.0)
    more = ann_backend.replace(h.HH())
    network.start()
    with pytest.raises(
        StateError, match=r"expected 6 replaced cells of 'HH'.* got 5 re"
    ):
        ann_backend.load_state(tmp_path / "ours")
    ann_backend.restore(more)
    rows = ann_backend.population("HH", 2)
    network.start()
    with pytest.raises(
        StateError, match=r"expected 2 rows, gids 6 to 7, .* got no furt"
    ):
        ann_backend.load_state(tmp_path / "ours")
    del rows


def forged(path, **changes):
    """The file with another description, whole again."""
    document, arrays = states._read(path)
    document |= changes
    document["sha256"] = states._digest(document, arrays)
    path.write_bytes(states.save(arrays, {"state": states.json.dumps(document)}))
    return document


def test_another_bundle_and_a_newer_version_are_refused(network, tmp_path):
    saved(network, tmp_path, 5.0)
    path = tmp_path / "ours"
    groups = states._read(path)[0]["groups"]
    groups[0]["sha256"] = "0" * 64
    forged(path, groups=groups)
    with pytest.raises(
        StateError, match=r"got 5 replaced cells of 'HH' \(000000000000"
    ):
        ann_backend.load_state(path)
    forged(path, version=states.VERSION + 1)
    with pytest.raises(StateError, match=r"expected version 3, got 4; .* upgrade"):
        ann_backend.load_state(path)


def test_a_damaged_foreign_or_missing_file_is_refused(network, tmp_path):
    saved(network, tmp_path, 5.0)
    path, other = tmp_path / "ours", tmp_path / "other"
    raw = path.read_bytes()
    rng = np.random.default_rng(1)
    for place in [3, 9, *rng.integers(len(raw), size=40).tolist()]:
        damaged = bytearray(raw)
        damaged[place] ^= 4
        other.write_bytes(damaged)
        with pytest.raises(StateError, match="other: expected"):
            ann_backend.load_state(other)
    for length in (0, 7, len(raw) // 2, len(raw) - 1):
        other.write_bytes(raw[:length])
        with pytest.raises(StateError, match="damaged or was edited"):
            ann_backend.load_state(other)
    with pytest.raises(
        StateError, match="expected a file of format 'ann_backend state"
    ):
        ann_backend.load_state(ann_backend.paths.bundle_dir() / "HH.safetensors")
    with pytest.raises(StateError, match="No such file or directory; check the path"):
        ann_backend.load_state(tmp_path / "none")
    ann_backend.load_state(path)  # none of them changed anything
    with pytest.raises(StateError, match="expected a folder to write in, got No such"):
        ann_backend.save_state(tmp_path / "none" / "ours")


def test_without_a_model_and_in_the_middle_of_a_step_it_is_refused(network, tmp_path):
    path = tmp_path / "ours"
    said = []

    def middle():
        try:
            ann_backend.save_state(path)
        except StateError as error:
            said.append(str(error))

    detectors = [h.NetCon(network.stims[0], None), network.netcons[-ROWS - 1]]
    for detector in detectors:  # at an artificial cell's event, and a replaced cell's
        detector.record(middle)
    network.start()
    h.continuerun(80)
    assert {"expected to be between two steps" in text for text in said} == {True}
    assert len(said) > 10
    assert not path.exists()
    ann_backend.restore()
    network.__dict__.clear()
    gc.collect()
    h.finitialize(-65)
    with pytest.raises(StateError, match="call finitialize before save_state"):
        ann_backend.save_state(path)


def test_a_row_with_nan_is_not_saved_and_the_file_stays(network, tmp_path):
    saved(network, tmp_path, 5.0)
    before = (tmp_path / "ours").read_bytes()
    engine = network.rows.engine
    state = engine.save()
    state["lstm"][3] = np.nan
    engine.load(state)
    with pytest.raises(
        StateError, match=r"inf or NaN in '1\.lstm'; a run that met them"
    ):
        ann_backend.save_state(tmp_path / "ours")
    assert (tmp_path / "ours").read_bytes() == before


def test_a_script_with_both_verbs_runs_under_neuron_too(tmp_path):
    ann_backend.load("HH")
    ann_backend.use("neuron")
    try:
        cell = ann_backend.replace(h.HH())
        h.finitialize(-65)
        h.continuerun(3)
        ann_backend.save_state(tmp_path / "ours")
        ann_backend.load_state(tmp_path / "ours")
    finally:
        ann_backend.use("auto")
    ann_backend.replace(cell)
    h.finitialize(-65)
    with pytest.raises(StateError, match="expected 1 replaced cells of 'HH'"):
        ann_backend.load_state(tmp_path / "ours")
    ann_backend.restore()
    del cell
    h.finitialize(-65)


def test_hoc_has_both(network, tmp_path):
    h.load_file("ann_backend.hoc")
    network.start()
    h.continuerun(10)
    h(f'ann_save_state("{tmp_path}/ours")')
    kept = network.rows.engine.save()
    network.rows.engine.reset()
    h(f'ann_load_state("{tmp_path}/ours")')
    for name, array in network.rows.engine.save().items():
        np.testing.assert_array_equal(array, kept[name], err_msg=name)
