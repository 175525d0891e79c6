"""Connections inside the engine: as if Python had kept the queue."""

import heapq

import numpy as np
import pytest
from random_network import NONE, engine, event

from ann_backend import _engine

ROWS = 20


def graph(rng, rows, targets, count, longest=12.0):
    """Connections as arrays: source, row, channel, weight (uS), delay (ms)."""
    return (
        rng.integers(rows, size=count, dtype=np.int32),
        rng.integers(targets, size=count, dtype=np.int32),
        rng.integers(3, size=count, dtype=np.int32),
        rng.uniform(-0.001, 0.01, count).astype(np.float32),
        rng.uniform(0, longest, count).astype(np.float32),
    )


def connect(source, target, wires):
    source.connect(wires[0], target, *wires[1:])


def drive(seed, rows, bins):
    """External events of each bin, as the arrays that step takes."""
    rng, found = np.random.default_rng(seed), []
    for t0 in range(bins):
        n = rng.poisson(0.5 * rows)
        found.append(
            (
                rng.integers(rows, size=n, dtype=np.int32),
                rng.integers(3, size=n, dtype=np.int32),
                rng.uniform(0, 0.04, n),
                t0 + rng.random(n),
            )
        )
    return found


class Queue:
    """What the wires do, event by event, in a queue of Python's."""

    def __init__(self, graphs):
        self.graphs, self.heap = graphs, []  # (source, target) -> wires

    def send(self, source, t0, spikes):
        for row, t in zip(*spikes, strict=True):
            for (a, b), wires in self.graphs.items():
                if a != source:
                    continue
                for k in np.flatnonzero(wires[0] == row):
                    arrival = max(t + float(wires[4][k]), t0 + 1.0)
                    to = int(wires[1][k]), int(wires[2][k]), float(wires[3][k])
                    heapq.heappush(self.heap, (arrival, b, *to))

    def due(self, target, t0):
        ready = [e for e in self.heap if e[1] == target and e[0] < t0 + 1 - 1e-9]
        self.heap = [e for e in self.heap if e not in ready]
        heapq.heapify(self.heap)
        t, _, row, channel, weight = (
            (np.array(x) for x in zip(*ready, strict=True)) if ready else ([],) * 5
        )
        return (
            np.array(row, np.int32),
            np.array(channel, np.int32),
            np.array(weight, np.float64),
            np.array(t, np.float64),
        )


def joined(a, b):
    return tuple(np.concatenate(pair) for pair in zip(a, b, strict=True))


def results(steps):
    return [tuple(array.tobytes() for array in step) for step in steps]


def test_a_random_network_runs_as_with_a_queue():
    wires = graph(np.random.default_rng(1), ROWS, ROWS, 600)
    wired, plain = engine(ROWS), engine(ROWS)
    connect(wired, wired, wires)
    assert wired.connections == 600
    queue = Queue({(0, 0): wires})
    spikes = 0
    for t0, external in enumerate(drive(2, ROWS, 300)):
        expected = plain.step(t0, *joined(external, queue.due(0, t0)))
        queue.send(0, t0, expected[1:])
        assert results([wired.step(t0, *external)]) == results([expected])
        spikes += len(expected[1])
    assert spikes > 200


def test_two_populations_in_either_order():
    rng = np.random.default_rng(3)
    graphs = {(a, b): graph(rng, ROWS, ROWS, 200) for a in (0, 1) for b in (0, 1)}
    drives = [drive(4, ROWS, 200), drive(5, ROWS, 200)]
    runs = []
    for order in ((0, 1), (1, 0)):
        pair = [engine(ROWS), engine(ROWS)]
        for (a, b), wires in graphs.items():
            connect(pair[a], pair[b], wires)
        steps = {0: [], 1: []}
        for t0 in range(100, 300):  # t had been set forward
            for k in order:
                row, channel, weight, t = drives[k][t0 - 100]
                steps[k].append(pair[k].step(t0, row, channel, weight, t + 100))
        runs.append(results(steps[0] + steps[1]))
    assert runs[0] == runs[1]
    plain, queue, expected = [engine(ROWS), engine(ROWS)], Queue(graphs), {0: [], 1: []}
    for t0 in range(100, 300):
        for k in (0, 1):
            row, channel, weight, t = drives[k][t0 - 100]
            external = (row, channel, weight, t + 100)
            expected[k].append(plain[k].step(t0, *joined(external, queue.due(k, t0))))
        for k in (0, 1):
            queue.send(k, t0, expected[k][-1][1:])
    assert runs[0] == results(expected[0] + expected[1])


def test_reset_forgets_what_was_under_way_and_keeps_the_connections():
    wired = engine(ROWS)
    connect(wired, wired, graph(np.random.default_rng(1), ROWS, ROWS, 600))
    external = drive(2, ROWS, 100)
    first = results([wired.step(t0, *e) for t0, e in enumerate(external)])
    wired.reset()
    assert results([wired.step(t0, *e) for t0, e in enumerate(external)]) == first


def one_wire(source, target, delay, row=0, weight=0.03):
    i32 = np.zeros(1, np.int32)
    source.connect(
        i32,
        target,
        i32 + np.int32(row),
        i32,
        np.full(1, weight, np.float32),
        np.full(1, delay, np.float32),
    )


def first_spike(wired):
    """Drive row 0 until it spikes: (bin, time)."""
    for t0 in range(50):
        _, row, t = wired.step(t0, *event(weight=0.5, t=t0 + 0.5))
        if 0 in row:
            return t0, t[row == 0][0]
    raise AssertionError("no spike")


def arrival(wired, t0, row):
    """The bin in which the outputs of a row first move."""
    rest = wired.outputs[row].copy()
    for later in range(t0 + 1, t0 + 200):
        wired.step(later, *NONE)
        if not np.array_equal(wired.outputs[row], rest):
            return later
    raise AssertionError("no event")


def settled(wired):
    """Row 1 at the network's rest: its outputs stand still."""
    for t0 in range(2000):
        wired.step(t0 - 2000, *NONE)


@pytest.mark.parametrize("delay", [0.0, 0.25, 1.0, 7.5, 100.0])
def test_an_event_comes_in_the_bin_of_its_time(delay):
    wired = engine(2)
    settled(wired)
    one_wire(wired, wired, delay, row=1)
    t0, t = first_spike(wired)
    assert arrival(wired, t0, 1) == int(max(np.floor(t + delay), t0 + 1))


def test_a_longer_delay_made_during_a_run_loses_nothing():
    both, alone = engine(2), engine(2)
    for wired in (both, alone):
        settled(wired)
        one_wire(wired, wired, 2.0, row=1)
    t0, _ = first_spike(both)
    first_spike(alone)
    one_wire(both, both, 500.0, row=0)
    assert both.connections == 2
    assert arrival(both, t0, 1) == arrival(alone, t0, 1)


def test_a_bad_event_loses_nothing_that_was_under_way():
    both, alone = engine(2), engine(2)
    for wired in (both, alone):
        one_wire(wired, wired, 3.0, row=1)
    t0, _ = first_spike(both)
    first_spike(alone)
    for later in range(t0 + 1, t0 + 20):
        with pytest.raises(_engine.InputError, match="weight"):
            both.step(later, *event(weight=np.nan, t=later + 0.5))
        assert results([both.step(later, *NONE)]) == results([alone.step(later, *NONE)])


BAD = {
    "source": (0, 5, r"source row in 0 \.\. 4, got 5 in connection 1"),
    "row": (1, -1, r"target row in 0 \.\. 4, got -1 in connection 1"),
    "channel": (2, 3, r"channel in 0 \.\. 2, got 3 in connection 1"),
    "weight": (3, np.nan, "finite weight .* got nan in connection 1"),
    "negative delay": (4, -0.5, r"delay of 0 \.\. 100000 ms, got -0.5"),
    "infinite delay": (4, np.inf, "delay of .* got inf"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_connections_are_refused_whole(name):
    axis, value, message = BAD[name]
    wired = engine(5)
    wires = graph(np.random.default_rng(1), 5, 5, 3)
    wires[axis][1] = value
    with pytest.raises(_engine.InputError, match=message):
        connect(wired, wired, wires)
    assert wired.connections == 0


def test_arrays_of_another_shape_or_type_are_refused():
    wired, wires = engine(5), list(graph(np.random.default_rng(1), 5, 5, 3))
    with pytest.raises(_engine.InputError, match=r"one shape \[N\], got \[2\]"):
        connect(wired, wired, [*wires[:4], wires[4][:2]])
    with pytest.raises(_engine.InputError, match=r"'weight' to be .* float32"):
        connect(wired, wired, [*wires[:3], wires[3].astype(float), wires[4]])


def test_bins_of_connected_rows_start_at_whole_ms_and_go_forward():
    wired = engine(2)
    one_wire(wired, wired, 1.0)
    wired.step(5.0, *NONE)
    with pytest.raises(_engine.InputError, match=r"whole ms, got t0 = 6\.5"):
        wired.step(6.5, *NONE)
    with pytest.raises(_engine.InputError, match="go on from t = 5 ms, got t0 = 4"):
        wired.step(4.0, *NONE)
    wired.reset()
    wired.step(4.0, *NONE)


def test_what_was_due_in_skipped_bins_comes_late():
    wired = engine(2)
    settled(wired)
    one_wire(wired, wired, 5.0, row=1)
    t0, _ = first_spike(wired)
    rest = wired.outputs[1].copy()
    wired.step(t0 + 10.0, *NONE)
    assert not np.array_equal(wired.outputs[1], rest)


def test_connections_to_an_engine_that_is_gone_are_gone():
    source, target = engine(2), engine(2)
    one_wire(source, target, 5.0)
    one_wire(source, source, 5.0)
    assert source.connections == 2
    del target
    assert source.connections == 1
    first_spike(source)


def test_another_number_of_rows_ends_the_connections():
    wired = engine(3)
    one_wire(wired, wired, 1.0)
    wired.resize(3)
    assert wired.connections == 1
    wired.resize(2)
    assert wired.connections == 0
