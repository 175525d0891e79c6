"""The benchmark inside NEURON: cost of an event and of a coupled run; their judge."""

import shutil

import numpy as np
import pytest

from ann_backend.bench import ranks, targets, turns, worker
from ann_backend.bench.circuit import Circuit
from ann_backend.bench.drive import Drive
from ann_backend.bench.engines import BASELINE, CONNECT, ENGINE, NETCONS, WAYS, Job
from ann_backend.bench.measure import Effort
from ann_backend.bench.untrained import untrained
from ann_backend.errors import AnnBackendError
from ann_backend.run.catalogue import find
from ann_backend.train.cell import HH


def test_the_exchange_and_the_coupled_run_are_measured(monkeypatch):
    monkeypatch.setattr(turns, "COUPLED_PER_MS", (1.0,))
    # so many events that what they cost stands out on a busy machine
    network, effort = turns.Network(100, 100), Effort(repeats=3)
    ways = turns.exchange(HH, find("HH"), network, effort, lambda _: None)
    assert [w["way"] for w in ways] == list(WAYS)
    assert not any("note" in w for w in ways)
    assert all(w["ns_per_event"] > 0 for w in ways)
    (row,) = turns.coupled(HH, find("HH"), network, effort, lambda _: None)
    assert "note" not in row
    parts = row["run_us"], row["engine_us"], row["without_us"]
    assert row["run_us"] > max(parts[1:]) > 0
    assert row["overhead_min"] <= row["overhead"] <= row["overhead_max"]


def test_a_circuit_is_measured(monkeypatch):
    monkeypatch.setattr(turns, "FEW", (10, 20))
    network, effort = turns.Network(20, 20), Effort(repeats=2, threads=(1,))
    ways = turns.circuit(HH, find("HH"), network, 50, effort, lambda _: None)
    assert not any("note" in w for w in ways)
    assert [w["way"] for w in ways] == [ENGINE, CONNECT, NETCONS, BASELINE]
    sizes = [(w["measured_cells"], w["measured_synapses"]) for w in ways]
    assert sizes == [(20, 50), (20, 50), (10, 20), (10, 20)]
    assert all(w["output_Hz"] > 1 for w in ways)
    assert all(w["s_per_s_min"] <= w["s_per_s"] for w in ways[:2])


def test_what_netcons_add_to_a_circuit_is_scaled(monkeypatch):
    def ran(seconds):
        repeats = [{"seconds": x * seconds, "spikes": 30.0} for x in (1.0, 2.0, 6.0)]
        return {"setup_s": 10 * seconds, "memory_MB": 100 * seconds}, repeats

    monkeypatch.setattr(turns, "FEW", (10, 20))
    monkeypatch.setattr(turns, "_turns", lambda *_: [ran(s) for s in (4, 7, 1, 2, 3)])
    network, effort = turns.Network(20, 500), Effort(threads=(1,))
    ways = turns.circuit(HH, find("HH"), network, 50, effort, lambda _: None)
    assert [w["measured_synapses"] for w in ways] == [50, 50, 20, 20]
    # 5 times the synapses of those few rows; half a second was run
    assert [w["s_per_s"] for w in ways] == [16, 28, 16 + 5 * 4, 16 + 5 * 8]
    assert [w["build_s"] for w in ways] == [40, 70, 40 + 5 * 10, 40 + 5 * 20]
    assert [w["memory_MB"] for w in ways] == [400, 700, 400 + 5 * 100, 400 + 5 * 200]
    assert {w["output_Hz"] for w in ways} == {3.0}


def test_the_synapses_of_a_circuit_leave_its_rows_as_they_are():
    drive = Drive.of(HH, 1, synapses=10)
    found = {}
    for way in WAYS:
        circuit = Circuit(find("HH"), drive, range(5), threads=1, way=way)
        circuit.run(100)
        gid, t = circuit.made.spikes
        found[way] = gid - circuit.made.gids.start, t
        assert circuit.more() == {"spikes": len(t)}
    row, t = found[ENGINE]
    assert len(t) > 5
    for rows, times in found.values():
        assert np.array_equal(rows, row)
        assert np.allclose(times, t, atol=1e-3)


@pytest.mark.skipif(shutil.which("mpiexec") is None, reason="needs mpiexec")
def test_a_network_over_ranks_is_timed_and_its_spikes_stay(monkeypatch):
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none")
    monkeypatch.setattr(ranks, "CORES", (1, 2))
    effort = Effort(repeats=2)
    rows = ranks.ranks("HH", turns.Network(10, 50), effort, lambda _: None)
    assert [(r["scaling"], r["ranks"], r["cells"]) for r in rows] == [
        ("strong", 1, 10),
        ("strong", 2, 10),
        ("weak", 1, 10),
        ("weak", 2, 20),
    ]
    assert not [r["note"] for r in rows if "note" in r]
    assert rows[0]["fired"] > 20
    assert len({r["spikes"] for r in rows[:3]}) == 1
    assert rows[3]["fired"] > rows[2]["fired"]
    assert rows[0]["efficiency"] == rows[2]["efficiency"] == 1.0
    assert rows[1]["efficiency"] == rows[0]["s_per_s"] / rows[1]["s_per_s"] / 2


def test_ranks_that_fail_are_a_note():
    (first, *_) = ranks.ranks("none", turns.Network(2, 20), Effort(), lambda _: None)
    assert "mpiexec" in first["note"]


def part(name, **records):
    (found,) = [t for t in targets.judged(records) if t["name"].startswith(name)]
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
