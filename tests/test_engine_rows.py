"""A row's result does not depend on what else the engine computes, or on how."""

import multiprocessing
import threading
import time

import numpy as np
import pytest
import random_network
from random_network import NONE, VARIANTS, engine, networks, on_gpus
from reference import run, trials

from ann_backend import _engine

on_cpu = pytest.mark.parametrize("variant", _engine.cpu_variants)
variants = pytest.mark.parametrize("variant", [*VARIANTS, *on_gpus("bf16")])
at_speed = pytest.mark.parametrize(
    "variant", [*_engine.cpu_variants, *on_gpus("float32", "bf16")]
)


@networks
@variants
def test_a_row_does_not_depend_on_batch_size(variant, parents):
    bins = trials(7, 600)
    together = run(engine(7, variant=variant, parents=parents), bins)
    assert len(together[2]) > 50
    for r in range(7):
        own = [(0 * e[0][e[0] == r], *(a[e[0] == r] for a in e[1:])) for e in bins]
        outputs, voltages, spikes = run(
            engine(1, variant=variant, parents=parents), own
        )
        assert outputs.tobytes() == together[0][:, r : r + 1].tobytes()
        assert voltages.tobytes() == together[1][:, r : r + 1].tobytes()
        assert spikes == [(0, t) for row, t in together[2] if row == r]


@networks
@variants
def test_a_row_does_not_depend_on_its_position(variant, parents):
    bins = trials(7, 600)
    straight = run(engine(7, variant=variant, parents=parents), bins)
    order = np.random.default_rng(2).permutation(7).astype(np.int32)
    moved = run(
        engine(7, variant=variant, parents=parents),
        [(order[row], *rest) for row, *rest in bins],
    )
    assert moved[0][:, order].tobytes() == straight[0].tobytes()
    assert moved[1][:, order].tobytes() == straight[1].tobytes()
    assert moved[2] == sorted((order[row], t) for row, t in straight[2])


@networks
@variants
def test_a_row_does_not_depend_on_its_neighbours(variant, parents):
    bins = trials(5, 600)
    straight = run(engine(5, variant=variant, parents=parents), bins)
    louder = [
        (row, channel, np.where(row == 2, weight, 3 * weight), t)
        for row, channel, weight, t in bins
    ]
    assert (
        run(engine(5, variant=variant, parents=parents), louder)[0][:, 2].tobytes()
        == straight[0][:, 2].tobytes()
    )


@networks
@variants
def test_a_row_does_not_depend_on_the_order_of_events(variant, parents):
    bins = trials(3, 600, per_bin=8)
    rng = np.random.default_rng(3)
    shuffled = []
    for events in bins:
        order = rng.permutation(len(events[0]))
        shuffled.append(tuple(array[order] for array in events))
    straight, mixed = (
        run(engine(3, variant=variant, parents=parents), bins),
        run(engine(3, variant=variant, parents=parents), shuffled),
    )
    assert straight[0].tobytes() == mixed[0].tobytes()
    assert straight[1].tobytes() == mixed[1].tobytes()
    assert straight[2] == mixed[2]


@networks
@variants
def test_reset_starts_the_same_trial_again(variant, parents):
    surrogate, bins = engine(3, variant=variant, parents=parents), trials(3, 600)
    first = run(surrogate, bins)
    surrogate.reset()
    again = run(surrogate, bins)
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1].tobytes() == again[1].tobytes()
    assert first[2] == again[2]


@networks
@variants
def test_resize_resets_every_row(variant, parents):
    surrogate, bins = engine(3, variant=variant, parents=parents), trials(3, 50)
    first = run(surrogate, bins)
    surrogate.resize(1)
    assert surrogate.rows == 1
    surrogate.resize(3)
    assert run(surrogate, bins)[0].tobytes() == first[0].tobytes()


@at_speed
def test_a_silent_cell_stays_at_full_speed(variant):
    surrogate, bins = engine(20, variant=variant), trials(20, 50)
    run(surrogate, bins)
    late = 10_000
    durations = []
    for t0 in range(50, late):  # denormal traces would be 10 to 100 times slower
        start = time.perf_counter()
        surrogate.step(float(t0), *NONE)
        durations.append(time.perf_counter() - start)
    assert np.median(durations[-500:]) < 3 * np.median(durations[:500])


def test_step_lets_other_threads_run():
    surrogate = engine(15_000, random_network.tensors(H=128, P=64))
    entered, left, ticks = threading.Event(), threading.Event(), []

    def tick():
        entered.wait()
        while not left.is_set():
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    entered.set()
    start = time.perf_counter()
    surrogate.step(0.0, *NONE)
    end = time.perf_counter()
    left.set()
    thread.join()
    assert end - start > 0.01
    third = (end - start) / 3
    assert any(start + third < tick < end - third for tick in ticks)


@networks
@variants
@pytest.mark.parametrize("rows", [1, 2, 5, 6, 7, 13, 48, 49, 150])
def test_a_row_does_not_depend_on_its_tile(variant, rows, parents):
    bins = trials(rows, 40)
    together = run(engine(rows, variant=variant, parents=parents), bins)
    for r in {0, rows // 2, rows - 1}:
        own = [(0 * e[0][e[0] == r], *(a[e[0] == r] for a in e[1:])) for e in bins]
        alone = run(engine(1, variant=variant, parents=parents), own)[0]
        assert alone.tobytes() == together[0][:, r : r + 1].tobytes()


@networks
@on_cpu
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_a_row_does_not_depend_on_threads(variant, threads, parents):
    bins = trials(131, 60)
    one = run(engine(131, variant=variant, parents=parents), bins)
    many = run(engine(131, variant=variant, parents=parents, threads=threads), bins)
    assert many[0].tobytes() == one[0].tobytes()
    assert many[1].tobytes() == one[1].tobytes()
    assert many[2] == one[2]


def step_in_child(surrogate, found):
    found.put(run(surrogate, trials(131, 20))[0].tobytes())


def test_threads_are_started_again_after_a_fork():
    surrogate = engine(131, threads=2)
    expected = run(surrogate, trials(131, 20))[0].tobytes()
    surrogate.reset()
    context = multiprocessing.get_context("fork")
    found = context.Queue()
    child = context.Process(target=step_in_child, args=(surrogate, found))
    child.start()
    assert found.get(timeout=60) == expected
    child.join()
    assert child.exitcode == 0


def test_engines_step_beside_each_other():
    bins = trials(100, 40)
    expected = run(engine(100), bins)[0].tobytes()
    found = []

    def work():
        found.append(run(engine(100, threads=2), bins)[0].tobytes())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [expected] * 4


@at_speed
def test_a_hundred_thousand_rows_run(variant):
    B = 100_000
    small = random_network.tensors(G=2, N=1, W=1, U=4, P=0, H=8, L=1, M=8, C=2)
    surrogate = engine(B, small, variant=variant)
    bins = trials(1, 3, C=2, per_bin=4)
    one = engine(1, small, variant=variant)
    for t0, (_, channel, weight, t) in enumerate(bins):
        last = np.full(len(t), B - 1, np.int32)
        surrogate.step(float(t0), last, channel, weight, t)
        one.step(float(t0), 0 * last, channel, weight, t)
    assert surrogate.outputs[-1:].tobytes() == one.outputs.tobytes()
    assert (surrogate.outputs[0] == surrogate.outputs[B // 2]).all()
