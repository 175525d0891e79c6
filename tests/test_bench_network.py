"""The benchmark inside NEURON: cost of an event and of a coupled run; their judge."""

import pytest

from ann_backend.bench import targets, turns, worker
from ann_backend.bench.drive import Drive
from ann_backend.bench.engines import BASELINE, CONNECT, NETCONS, WAYS, Job
from ann_backend.bench.measure import Effort
from ann_backend.bench.untrained import untrained
from ann_backend.errors import AnnBackendError
from ann_backend.run.catalogue import find
from ann_backend.train.cell import HH


def test_the_exchange_and_the_coupled_run_are_measured(monkeypatch):
    monkeypatch.setattr(turns, "COUPLED_PER_MS", (1.0,))
    network, effort = turns.Network(20, 20), Effort(repeats=2)
    ways = turns.exchange(HH, find("HH"), network, effort, lambda _: None)
    assert [w["way"] for w in ways] == list(WAYS)
    assert not any("note" in w for w in ways)
    assert all(w["ns_per_event"] > 0 for w in ways)
    (row,) = turns.coupled(HH, find("HH"), network, effort, lambda _: None)
    assert "note" not in row
    parts = row["run_us"], row["engine_us"], row["without_us"]
    assert row["run_us"] > max(parts[1:]) > 0
    assert row["overhead_min"] <= row["overhead"] <= row["overhead_max"]


def part(name, **records):
    (found,) = [t for t in targets.judged([], **records) if t["name"].startswith(name)]
    return found["measured"], found["met"]


def test_the_exchange_is_judged_by_what_the_engine_does_not_take():
    ns = {BASELINE: 1500.0, NETCONS: 100.0, CONNECT: 12.0}
    ways = [
        {"way": way, "exchange_ns": x, "ns_per_event": x + 30} for way, x in ns.items()
    ]
    assert part("NetCons, queue / NetCons", exchange=ways) == (15.0, True)
    assert part("NetCons, queue / connect", exchange=ways) == (125.0, False)
    assert part("NetCons, queue / connect", exchange=ways[:2]) == (None, None)


def test_a_coupled_run_is_judged_at_its_size_and_rate():
    row = {"cells": 1000, "events_per_ms": 1.0, "overhead": 0.08}
    name = "coupled run"
    assert part(name, coupled=[row]) == (0.08, True)
    assert part(name, coupled=[row, row | {"overhead": 0.2}]) == (0.2, False)
    busy = row | {"events_per_ms": 14.0, "overhead": 0.5}
    assert part(name, coupled=[row, busy]) == (0.08, True)
    assert part(name, coupled=[row | {"cells": 200}]) == (None, None)


def test_untrained_weights_may_replace_the_cell_they_are_for():
    trained = find("HH").manifest.cell
    assert untrained(HH, 1).manifest.cell["digest"] == trained["digest"]


def test_more_rows_than_memory_has_room_for_are_refused(monkeypatch):
    job = Job("ours", HH, find("HH"), range(40), 1, Drive.of(HH, 1))
    monkeypatch.setattr(worker, "MANY_ROWS", 30)
    monkeypatch.setattr(worker, "FEW_ROWS", 10)
    worker._refuse_memory(job)
    monkeypatch.setattr(worker, "_free_MB", lambda: 1e-6)
    with pytest.raises(AnnBackendError, match="free memory for 40 cells, got 0"):
        worker._refuse_memory(job)
