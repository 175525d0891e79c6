"""The CUDA engine: its step executed on the CPU, and on a GPU where there is one.

`test_engine` and `test_engine_rows` run their bodies on it as well.
"""

import multiprocessing
from types import SimpleNamespace

import numpy as np
import pytest
import random_network
from random_network import (
    NO_TREE,
    NONE,
    READOUT,
    engine,
    networks,
    on_gpu,
    on_gpus,
)
from reference import run, trials

from ann_backend import _engine, bundle, errors, paths
from ann_backend.metrics import f1_pooled
from ann_backend.run import engine as selection

SIZES = [
    {"G": 1, "K": 1, "W": 1, "N": 1, "U": 1, "P": 0, "H": 1, "L": 1, "M": 1},
    {"G": 9, "K": 3, "W": 5, "N": 3, "U": 7, "P": 0, "H": 9, "L": 3, "M": 5},
    {"G": 14, "K": 5, "W": 1, "N": 7, "U": 4, "P": 17, "H": 31, "L": 2, "M": 33},
    {"G": 4, "K": 40, "W": 2, "N": 2, "U": 3, "P": 0, "H": 20, "L": 1, "M": 8},
    {"G": 4, "K": 4, "W": 2, "N": 1, "U": 32, "P": 0, "H": 64, "L": 1, "M": 32},
]
LARGE = [
    {"G": 160, "K": 4, "W": 1, "N": 80, "U": 4, "P": 48, "H": 64, "L": 2, "M": 32},
    {"G": 8, "K": 2, "W": 1, "N": 2, "U": 3, "P": 70, "H": 128, "L": 2, "M": 64},
]
TREES = [
    ([-1], {"G": 1, "K": 1, "W": 1, "U": 1, "P": 0, "H": 1, "L": 1, "M": 1}),
    ([-1, 0, 1, 0, 3, 3, 3], {"G": 14, "U": 9, "P": 0, "W": 2}),
    ([-1, *range(40)], {"G": 41, "U": 6, "P": 17, "W": 1}),  # a chain
    ([-1] + [0] * 40, {"G": 41, "U": 4, "P": 48, "W": 1}),  # a star
]
HOST_ROWS = [1, 11, 33, 70]  # tiles of 16, 16, 64 and 64 rows, the last two cut off


def difference(variant, named, bins, rows, parents=NO_TREE):
    """The largest, relative to the reference's spread."""
    wanted = run(engine(rows, named, variant="scalar", parents=parents), bins)[0]
    found = run(engine(rows, named, variant=variant, parents=parents), bins)[0]
    scale = np.maximum(np.abs(wanted), wanted.std(axis=(0, 1)) + 0.1)
    return (np.abs(found - wanted) / scale).max()


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("rows", HOST_ROWS)
def test_the_step_on_the_host_equals_the_reference(sizes, rows):
    named = random_network.tensors(C=4, **sizes)
    bins = trials(rows, 40, C=4, per_bin=3)
    assert difference("float32-host", named, bins, rows) <= 1e-4


@pytest.mark.parametrize(("parents", "sizes"), TREES)
@pytest.mark.parametrize("rows", HOST_ROWS)
def test_a_tree_on_the_host_equals_the_reference(parents, sizes, rows):
    named = random_network.tensors(C=4, parents=parents, **sizes)
    bins = trials(rows, 40, C=4, per_bin=3)
    assert difference("float32-host", named, bins, rows, parents) <= 1e-4


@pytest.mark.parametrize("sizes", LARGE)
def test_the_step_on_the_host_equals_the_reference_at_shipped_sizes(sizes):
    named = random_network.tensors(C=4, **sizes)
    assert difference("float32-host", named, trials(18, 8, C=4), 18) <= 1e-4


@networks
@pytest.mark.parametrize("rows", [3, 40])
def test_items_of_a_stage_do_not_depend_on_each_other(rows, parents):
    bins = trials(rows, 60, per_bin=3)
    forward = run(engine(rows, variant="float32-host", parents=parents), bins)
    backward = run(engine(rows, variant="float32-host-reversed", parents=parents), bins)
    assert forward[0].tobytes() == backward[0].tobytes()


@pytest.mark.parametrize("variant", ["float32-host", "bf16-host"])
def test_a_row_does_not_depend_on_its_tile_on_the_host(variant):
    bins = trials(70, 40)
    together = run(engine(70, variant=variant), bins)
    for r in (0, 16, 69):
        own = [(0 * e[0][e[0] == r], *(a[e[0] == r] for a in e[1:])) for e in bins]
        alone = run(engine(1, variant=variant), own)[0]
        assert alone.tobytes() == together[0][:, r : r + 1].tobytes()


@pytest.mark.parametrize("variant", ["float32-host", *on_gpus("float32", "bf16")])
@pytest.mark.parametrize("n", [2, 47, 700])
def test_many_events_of_a_row_are_summed_in_one_order(variant, n):
    rng = np.random.default_rng(n)
    # of a few times, channels and weights each: ties in one, two and all of them
    row, channel = np.zeros(n, np.int32), rng.integers(0, 3, n, np.int32)
    weight, t = rng.integers(1, 5, n) / 300, rng.integers(0, 7, n) / 7
    results = []
    for _ in range(3):
        order = rng.permutation(n)
        bins = [(row, channel[order], weight[order], t[order]), NONE]
        results.append(run(engine(1, variant=variant), bins)[0].tobytes())
    assert results[1:] == results[:1] * 2


@networks
def test_bf16_products_stay_near_float32(parents):
    assert difference("bf16-host", None, trials(3, 300), 3, parents) < 0.1


def test_weights_that_bf16_holds_exactly_lose_nothing_before_the_lstm():
    named = random_network.tensors(L=1)
    for name in named:
        if name.startswith(("mix", "lstm", "head")):
            named[name] = np.round(named[name] * 8).astype(np.float32) / 8
    named["branch_w"][:] = 0
    named["branch_b"] = np.round(named["branch_b"] * 8).astype(np.float32) / 8
    bins = [NONE]  # one bin: h is zero before it
    assert difference("bf16-host", named, bins, 1) < 0.02


def test_silence_and_an_empty_batch_on_the_host():
    assert difference("float32-host", None, [NONE] * 50, 3) <= 2e-5
    assert run(engine(0, variant="float32-host"), [NONE] * 3)[0].shape == (3, 0, 3)


def shipped():
    return bundle.load(paths.bundle_dir() / "HH.safetensors")


def spikes_of(surrogate, bins):
    found = {}
    for row, t in run(surrogate, bins)[2]:
        found.setdefault(row, []).append(t)
    return [np.array(found.get(row, [])) for row in range(surrogate.rows)]


def drive(chosen, rows, bins, seed=3):
    """Poisson events at each channel, weights within the trained range."""
    rng = np.random.default_rng(seed)
    channels = chosen.manifest.channels
    low, high = np.array([c.weight_uS for c in channels]).T
    drawn = []
    for t0 in range(bins):
        n = rng.poisson(0.05 * rows * len(channels))
        channel = rng.integers(0, len(channels), n, np.int32)
        weight = low[channel] + (high - low)[channel] * rng.random(n)
        row = rng.integers(0, rows, n, np.int32)
        drawn.append((row, channel, weight, t0 + rng.random(n)))
    return drawn


def agreement_on_the_shipped_bundle(variant, rows, n):
    """F1 within 2 ms of the variant's spikes against those of the CPU in float32."""
    chosen = shipped()
    bins = drive(chosen, rows, n)
    wanted = spikes_of(chosen.engine(rows), bins)
    assert sum(map(len, wanted)) > 20
    other = chosen.engine(rows, "cuda", variant=variant)
    return f1_pooled(spikes_of(other, bins), wanted, 2.0)


def test_bf16_keeps_the_spikes_of_the_shipped_bundle():
    assert agreement_on_the_shipped_bundle("bf16-host", 16, 500) >= 0.99


@on_gpu
def test_bf16_keeps_the_spikes_of_the_shipped_bundle_on_a_gpu():
    assert agreement_on_the_shipped_bundle("bf16", 200, 2000) >= 0.99


@on_gpu
@pytest.mark.parametrize("sizes", SIZES + LARGE)
@pytest.mark.parametrize("rows", [1, 70, 5000])
def test_float32_on_a_gpu_equals_the_reference(sizes, rows):
    named = random_network.tensors(C=4, **sizes)
    # some of 5000 rows let rounding grow, on the CPU too: 3e-5, after 30 bins 7e-4
    bins = trials(rows, 30 if rows < 5000 else 20, C=4, per_bin=3)
    assert difference("float32", named, bins, rows) <= 1e-4


@on_gpu
@pytest.mark.parametrize(("parents", "sizes"), TREES)
@pytest.mark.parametrize("rows", [1, 70, 5000])
def test_a_tree_on_a_gpu_equals_the_reference(parents, sizes, rows):
    named = random_network.tensors(C=4, parents=parents, **sizes)
    bins = trials(rows, 30, C=4, per_bin=3)
    assert difference("float32", named, bins, rows, parents) <= 1e-4


@on_gpu
@pytest.mark.parametrize(("parents", "sizes"), TREES)
def test_a_tree_has_the_same_bits_on_gpu_and_host(parents, sizes):
    named = random_network.tensors(C=4, parents=parents, **sizes)
    bins = trials(40, 60, C=4, per_bin=3)
    on_host = run(engine(40, named, variant="float32-host", parents=parents), bins)[0]
    found = run(engine(40, named, variant="float32", parents=parents), bins)[0]
    assert found.tobytes() == on_host.tobytes()


@on_gpu
def test_voltages_and_spikes_have_the_same_bits_on_gpu_and_host():
    bins = trials(40, 300)
    _, v, spikes = run(engine(40, variant="float32-host"), bins)
    _, found_v, found_spikes = run(engine(40, variant="float32"), bins)
    assert len(spikes) > 100
    assert found_spikes == spikes
    assert found_v.tobytes() == v.tobytes()


@on_gpu
@pytest.mark.parametrize("sizes", SIZES)
def test_float32_has_the_same_bits_on_gpu_and_host(sizes):
    named, bins = random_network.tensors(C=4, **sizes), trials(40, 60, C=4, per_bin=3)
    on_host = run(engine(40, named, variant="float32-host"), bins)[0]
    assert run(engine(40, named, variant="float32"), bins)[0].tobytes() == (
        on_host.tobytes()
    )


@on_gpu
@pytest.mark.parametrize("sizes", SIZES + LARGE)
def test_bf16_on_a_gpu_is_near_the_host_s(sizes):
    named, bins = random_network.tensors(C=4, **sizes), trials(18, 8, C=4, per_bin=3)
    on_host = run(engine(18, named, variant="bf16-host"), bins)[0]
    found = run(engine(18, named, variant="bf16"), bins)[0]
    # a sum in another order may round an activation to the next bf16
    assert np.abs(found - on_host).max() <= 0.05 * (1 + np.ptp(on_host))


@on_gpu
@networks
def test_a_row_does_not_depend_on_its_tile_on_a_gpu(parents):
    rows = 20_000  # of 132 multiprocessors each has more than a tile of 64
    bins = trials(rows, 20)
    together = run(engine(rows, variant="bf16", parents=parents), bins)[0]
    for r in (0, 63, 10_000, rows - 1):
        own = [(0 * e[0][e[0] == r], *(a[e[0] == r] for a in e[1:])) for e in bins]
        alone = run(engine(1, variant="bf16", parents=parents), own)[0]
        assert alone.tobytes() == together[:, r : r + 1].tobytes()


def step_in_child(surrogate, found):
    try:
        surrogate.step(0.0, *NONE)
    except _engine.DeviceError as error:
        found.put(str(error))


@on_gpu
def test_a_forked_child_is_told_to_spawn():
    surrogate = engine(2, variant="float32")
    context = multiprocessing.get_context("fork")
    found = context.Queue()
    child = context.Process(target=step_in_child, args=(surrogate, found))
    child.start()
    assert "does not survive a fork: start processes with 'spawn'" in found.get(
        timeout=60
    )
    child.join()
    assert child.exitcode == 0


@on_gpu
def test_a_batch_beyond_the_gpu_s_memory_is_refused_with_advice():
    with pytest.raises(_engine.DeviceError, match=r"memory did not suffice .* 'cpu'"):
        engine(400_000_000, variant="float32")


@on_gpu
@pytest.mark.parametrize("variant", ["float32", "bf16"])
def test_engines_of_different_sizes_take_turns(variant):
    large, alone = (engine(500, variant=variant) for _ in range(2))
    expected = alone.step(0.0, *NONE)[0]
    small = engine(1, random_network.tensors(H=8), variant=variant)
    small.step(0.0, *NONE)
    assert large.step(0.0, *NONE)[0].tobytes() == expected.tobytes()


@on_gpu
def test_the_shipped_bundle_passes_the_check_on_a_gpu():
    selection.check(shipped())
    assert selection.make(shipped(), 300, "cuda", 1).rows == 300


class Small:
    """A bundle; the GPU's variants run on the host, where some have room."""

    channels = [SimpleNamespace(weight_uS=(0.0, 0.01))] * 3
    manifest = SimpleNamespace(name="small", channels=channels)

    def __init__(self, *room):
        self.room, self.last = room, ""

    def engine(self, rows, backend, variant="bf16", **_):
        if backend == "cuda" and variant not in self.room:
            raise _engine.InputError(f"{variant} needs more shared memory")
        self.last = f"{variant}-host" if backend == "cuda" else "scalar"
        return engine(rows, variant=self.last)


def test_a_bundle_needs_room_on_the_gpu_for_bf16_alone(monkeypatch, capsys):
    monkeypatch.setattr(selection, "chosen", lambda *_: "cuda")
    for found in (Small("bf16", "float32"), Small("bf16")):
        for backend in ("auto", "cuda"):
            assert selection.make(found, 300, backend, 1).rows == 300
            assert found.last == "bf16-host"
    assert capsys.readouterr().err == ""
    with pytest.raises(errors.UnsupportedError, match="bf16 needs more shared memory"):
        selection.make(Small(), 300, "cuda", 1)
    selection._say_once.cache_clear()
    none = Small()
    assert selection.make(none, 300, "auto", 1).rows == 300
    assert none.last == "scalar"
    assert "the CPU engine is used: bf16 needs more" in capsys.readouterr().err


def test_an_unknown_variant_is_refused():
    if _engine.cuda_variants:
        with pytest.raises(_engine.InputError, match=r"'bf16', 'float32'\), got 'fp8'"):
            _engine.Engine(random_network.tensors(), READOUT, "cuda", variant="fp8")


def test_too_many_layers_are_refused():
    with pytest.raises(_engine.InputError, match="at most 8 LSTM layers, got 9"):
        engine(1, random_network.tensors(L=9), variant="float32-host")


@pytest.mark.skipif(not _engine.cuda_refusal(), reason="there is a GPU")
def test_without_a_gpu_cuda_is_refused_by_name():
    with pytest.raises(errors.UnsupportedError, match=r"backend 'cuda': .* 'cpu'"):
        selection.make(shipped(), 1, "cuda", 1)


def test_auto_takes_the_gpu_for_large_batches_or_says_once_why_not(capsys):
    assert selection.chosen("auto", 1) == "cpu"
    assert selection.chosen("cuda", 1) == "cuda"
    assert capsys.readouterr().err == ""
    why = _engine.cuda_refusal()
    selection._say_once.cache_clear()
    picks = {selection.chosen("auto", 10_000) for _ in range(3)}
    assert picks == {"cpu" if why else "cuda"}
    said = [f"ann_backend: the CPU engine is used: {why}"]
    wanted = said if why and _engine.cuda_built else []
    assert capsys.readouterr().err.splitlines() == wanted
