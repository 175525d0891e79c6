"""The benchmark: its comparators compute what they claim, its table what was run."""

import dataclasses
import json
import os
import timeit

import numpy as np
import pytest
import random_network
import torch

from ann_backend.__main__ import main
from ann_backend.bench import table, targets
from ann_backend.bench.drive import BLOCK_MS, Drive
from ann_backend.bench.engines import ENGINES
from ann_backend.bench.measure import Effort, measure
from ann_backend.bench.paper import L5, POINT, WINDOW, Paper, Stream
from ann_backend.bench.peak import Peak
from ann_backend.bench.published import Published
from ann_backend.bench.streamed import Streamed
from ann_backend.bench.surrogate import Surrogate
from ann_backend.bundle import Bundle, save
from ann_backend.run.catalogue import find
from ann_backend.train.cell import HH

DRIVE = Drive.of(HH, 1)


def paper(columns, sizes):
    """The paper's network, its weights large enough for outputs that move."""
    torch.manual_seed(0)
    net = Paper(columns, sizes).eval()
    with torch.no_grad():
        for name, p in net.named_parameters():
            if "bias_hh" not in name:
                p.mul_(2.0)
    return net


def test_the_papers_network_has_the_published_number_of_parameters():
    assert Paper(201).parameter_count == 5_375_269


@pytest.mark.parametrize(("columns", "sizes"), [(11, L5), (4, POINT)])
def test_the_papers_network_streams_to_the_windows_outputs(columns, sizes):
    torch.set_num_threads(1)
    net, rows = paper(columns, sizes), 2
    found = []
    with torch.inference_mode():
        stream, window = Stream(net, rows), torch.zeros(rows, WINDOW, columns)
        for _ in range(WINDOW + 6):
            row = torch.randn(rows, columns)
            window = torch.cat([window[:, 1:], row[:, None]], 1)
            found.append(torch.stack([net(window), stream.step(row)]))
    windowed, streamed = torch.stack(found, 1)
    assert (windowed - streamed).abs().max() <= 1e-5
    assert windowed.std(0).min() > 1e-2


def test_the_papers_network_feeds_its_voltage_back_either_way():
    both = [
        Published(DRIVE, range(2), threads=1, windowed=windowed)
        for windowed in (True, False)
    ]
    for one in both:
        assert one.run(BLOCK_MS) > 0.0
    assert torch.allclose(both[0].v, both[1].v, atol=1e-5)
    assert both[0].v.abs().max() > 0.0


def test_torch_streams_what_the_engine_streams():
    shipped = find("HH")
    named = random_network.tensors(C=3, G=6, K=4, W=2, N=3, U=5, P=10, H=24, L=2)
    sizes = random_network.manifest(W=2).sizes
    manifest = random_network.manifest(W=2).model_copy(update={"sizes": sizes})
    tree = {"parents": random_network.TREE}
    cable = Bundle(random_network.manifest(**tree), random_network.tensors(**tree))
    own = random_network.manifest(feedback=True)  # what a spike leaves lasts and counts
    rule = {"hazard_threshold": 0.6, "memory_ms": 50.0, "refractory_ms": 6.0}
    own = own.model_copy(update={"readout": own.readout.model_copy(update=rule)})
    hears = Bundle(own, random_network.tensors(C=4))
    hears.tensors["head_w2"][:, 0] *= 0.1
    hears.tensors["head_b2"][0] = -1.0
    for bundle in (shipped, Bundle(manifest, named), cable, hears):
        theirs = Streamed(bundle, DRIVE, range(3), threads=1)
        ours = Surrogate(bundle, DRIVE, range(3), backend="cpu", threads=1)
        batch, fired = DRIVE.draw(range(3), 0, 10 * BLOCK_MS), 0
        for n, (row, channel, weight, t) in enumerate(batch.bins()):
            fired += len(ours.engine.step(float(n), row, channel, weight, t)[1])
            age = torch.from_numpy(n + 1 - t).float()
            wide = torch.from_numpy(row).long(), torch.from_numpy(channel).long()
            with torch.inference_mode():
                y = theirs.step(*wide, torch.from_numpy(weight).float(), age)
            np.testing.assert_allclose(y, ours.engine.outputs, rtol=1e-4, atol=1e-4)
    assert fired > 20  # of the last one, which hears that


def test_a_rows_events_depend_on_no_other_row_and_no_length():
    whole = DRIVE.draw(range(5), 0, 4 * BLOCK_MS)
    part = DRIVE.draw(range(3, 5), 2 * BLOCK_MS, BLOCK_MS)
    mine = (whole.row >= 3) & (whole.t >= 20) & (whole.t < 30)
    assert mine.any()
    np.testing.assert_array_equal(whole.t[mine], part.t)
    np.testing.assert_array_equal(whole.channel[mine], part.channel)
    assert len(part.bins()) == BLOCK_MS


def test_the_drive_has_the_stated_rate():
    found = DRIVE.draw(range(50), 0, 2000)
    rate = len(found.t) / 50 / 2000
    assert rate == pytest.approx(DRIVE.events_per_ms, rel=0.05)
    assert DRIVE.events_per_ms == pytest.approx(0.21)


def test_a_stated_rate_scales_all_channels_alike(monkeypatch):
    monkeypatch.setattr("ann_backend.bench.drive.EVENTS_PER_MS", {"HH": 2.1})
    more = Drive.of(HH, 1)
    assert more.events_per_ms == pytest.approx(2.1)
    np.testing.assert_allclose(more.rate_Hz, 10.0 * DRIVE.rate_Hz)
    np.testing.assert_array_equal(more.weight_uS, DRIVE.weight_uS)


def test_the_command_measures_and_judges(tmp_path):
    path, plot = tmp_path / "bench.json", tmp_path / "bench.png"
    words = "bench --cell HH --cells 2 --repeats 2 --quick --quiet --engine"
    engines = ["NEURON", "ours", "ours, CUDA"]
    args = [*words.split(), *engines, "--json", str(path), "--plot", str(plot)]
    assert main(args) == 0
    result = json.loads(path.read_text())
    rows = {(r["engine"], r["threads"]): r for r in result["rows"]}
    assert set(rows) >= {(name, 1) for name in engines}
    for (engine, _), row in rows.items():
        assert row["cell"] == "HH"
        assert row["cells"] == row["measured_cells"] == 2
        if engine == "ours, CUDA":
            continue
        assert row["us_min"] <= row["us_per_neuron_ms"] <= row["us_max"]
        assert row["setup_s"] > 0
    assert rows["NEURON", 1]["f1_2ms"] is None
    assert (rows["NEURON", 1]["segments"], rows["NEURON", 1]["synapses"]) == (1, 3)
    assert rows["ours", 1]["f1_2ms"] == find("HH").manifest.fidelity["f1_2ms"]
    assert rows["ours", 1]["us_per_neuron_ms"] < rows["NEURON", 1]["us_per_neuron_ms"]
    assert rows["NEURON", 1]["times_ours"] == pytest.approx(
        rows["NEURON", 1]["us_per_neuron_ms"] / rows["ours", 1]["us_per_neuron_ms"]
    )
    assert 0 < rows["ours", 1]["fma_floor_us"] < rows["ours", 1]["us_per_neuron_ms"]
    assert all(
        {"name", "target", "measured", "met"} <= set(t) for t in result["targets"]
    )
    assert all(t["met"] is None for t in result["targets"])  # L5PC was not run
    assert plot.stat().st_size > 1000


def test_coreneuron_gets_neurons_events():
    engines = ("NEURON", "CoreNEURON")
    effort = Effort(cells=(2,), repeats=1, seconds=0.01, engines=engines)
    found = list(measure(HH, find("HH"), effort, lambda _: None))
    assert [r.get("note") for r in found] == [None] * len(found)
    assert all(r["output_Hz"] is not None for r in found)


def test_an_engine_that_fails_is_a_row_with_a_reason():
    broken = dataclasses.replace(HH, template="Nonsense", hoc_file=None)
    effort = Effort(cells=(1,), repeats=1, seconds=0.01, engines=("NEURON", "ours"))
    neuron, ours = measure(broken, find("HH"), effort, lambda _: None)
    assert neuron["us_per_neuron_ms"] is None
    assert "Nonsense" in neuron["note"]
    assert ours["us_per_neuron_ms"] > 0


def test_an_unknown_engine_is_refused(capsys):
    assert main(["bench", "--engine", "abacus"]) == 1
    assert "--engine: expected some of NEURON" in capsys.readouterr().err


def row(engine, cells, us, *, threads=1, cell="L5PC", f1=0.9):
    return {
        "engine": engine,
        "cell": cell,
        "cells": cells,
        "threads": threads,
        "us_per_neuron_ms": us,
        "f1_2ms": f1 if ENGINES[engine].weights else None,
    }


def verdict(rows, name):
    (found,) = [t for t in targets.judged({"rows": rows}) if t["name"].startswith(name)]
    return found["measured"], found["met"]


def test_a_target_takes_the_worst_of_its_rows():
    rows = [row("NEURON", 50, 12000.0), row("NEURON", 5000, 12000.0)]
    rows += [row("ours", 50, 2.0), row("ours", 5000, 4.0)]
    assert verdict(rows, "NEURON / ours, L5PC, 50 cells or more, 1 core") == (
        3000.0,
        False,
    )
    rows[-1]["us_per_neuron_ms"] = 2.5
    assert verdict(rows, "NEURON / ours, L5PC, 50 cells or more, 1 core") == (
        4800.0,
        True,
    )


def test_untrained_weights_meet_no_target():
    rows = [row("NEURON", 50, 12000.0), row("ours", 50, 2.0, f1=None)]
    name = "NEURON / ours, L5PC, 50 cells or more, 1 core"
    assert verdict(rows, name) == (6000.0, None)
    rows[1]["us_per_neuron_ms"] = 4.0
    assert verdict(rows, name) == (3000.0, False)


def test_what_was_not_measured_is_neither_met_nor_missed():
    rows = [row("ours", 5000, 2.0), row("torch", 5000, None)]
    assert verdict(rows, "torch / ours, L5PC, cells: 5000") == (None, None)
    assert verdict(rows, "share of the FMA peak") == (None, None)
    assert verdict(rows, "H200: step / floor") == (None, None)
    judged = targets.judged({"rows": rows})
    assert all(t["note"] for t in judged if t["measured"] is None)


def test_threads_and_a_taken_core_are_judged():
    rows = [row("ours", 5000, 4.0), row("ours", 5000, 2.0, threads=2)]
    rows += [row("ours, a core taken", 5000, 6.0, threads=2)]
    assert verdict(rows, "two threads / one") == (2.0, True)
    assert verdict(rows, "slower by, a core taken") == (3.0, False)


def test_shares_of_the_cores_peaks_are_judged():
    rows = [row("ours", 50, 2.0) | {"fma_floor_us": 1.6}]
    rows += [row("ours", 1, 5.0) | {"read_floor_us": 3.0}]
    assert verdict(rows, "share of the FMA peak") == (0.8, True)
    assert verdict(rows, "share of the read bandwidth") == (0.6, False)


def test_the_cores_peak_is_above_what_numpy_reaches():
    peak, a = Peak(64.0), np.ones((384, 384), np.float32)
    took = min(timeit.repeat(lambda: a @ a, number=1, repeat=20))
    cores = os.cpu_count()  # numpy may use them all
    assert peak.gflops() * cores > 0.8 * 2e-9 * 384**3 / took
    assert peak.read_GB_s() > 1.0


def test_the_break_even_lies_between_measured_numbers_of_cells():
    rows = [row("ours", 1, 10.0), row("ours", 101, 1.0)]
    rows += [row("torch", 1, 5.0), row("torch", 101, 5.0)]
    # 10 + (101 - 10) / 100 (n - 1) us against 5 n
    (found,) = table.break_even(rows)
    assert (found["against"], found["cells"]) == ("torch", 3)
    rows[2:] = [row("torch", 1, 0.1), row("torch", 101, 0.1)]
    assert table.break_even(rows)[0]["cells"] is None


def test_synapses_are_spread_over_the_channels_and_share_their_events():
    few, many = Drive.of(HH, 1, synapses=2), Drive.of(HH, 1, synapses=8)
    assert few.synapses.tolist() == [1, 1, 0]
    assert few.rate_Hz[2] == 0
    assert sorted(many.synapses.tolist()) == [2, 3, 3]
    assert few.events_per_ms == many.events_per_ms == pytest.approx(0.21)
    np.testing.assert_array_equal(Drive.of(HH, 1).synapses, [1, 1, 1])
    np.testing.assert_allclose(many.rate_Hz, DRIVE.rate_Hz)


def test_the_command_measures_along_each_axis(tmp_path, monkeypatch):
    axes = {"cells": (1, 3), "synapses": (2, 7), "events_per_ms": (0.5,)}
    monkeypatch.setattr("ann_backend.bench.scaling.FEW", axes | {"threads": (1,)})
    monkeypatch.setattr("ann_backend.bench.scaling.CELLS", 2)
    path, plot = tmp_path / "bench.json", tmp_path / "bench.png"
    words = "bench --scaling --cell HH --repeats 1 --quick --quiet --engine NEURON ours"
    assert main([*words.split(), "--json", str(path), "--plot", str(plot)]) == 0
    rows = json.loads(path.read_text())["rows"]
    found = {(r["axis"], r["at"], r["engine"]): r for r in rows}
    assert len(found) == len(rows) == 2 * 6
    assert all(r["us_per_neuron_ms"] > 0 for r in rows)
    assert found["cells", 3, "ours"]["cells"] == 3
    assert found["synapses", 7, "NEURON"]["synapses"] == 7
    assert found["events_per_ms", 0.5, "ours"]["events_per_ms"] == pytest.approx(0.5)
    assert found["threads", 1, "ours"]["cells"] == 2
    assert plot.stat().st_size > 1000


def test_cells_of_its_own_and_given_ones_are_refused(capsys):
    assert main(["bench", "--scaling", "--cells", "3"]) == 1
    assert "leave --cells out" in capsys.readouterr().err


def test_another_bundle_of_the_cell_is_measured_by_its_path(tmp_path, capsys):
    mine, shipped = tmp_path / "mine.safetensors", find("HH")
    fidelity = {**shipped.manifest.fidelity, "f1_2ms": 0.123}
    manifest = shipped.manifest.model_copy(update={"fidelity": fidelity})
    save(mine, manifest, shipped.tensors)
    words = f"bench --quick --cell HH --bundle {mine} --engine ours --cells 1 --quiet"
    assert main([*words.split(), "--json", str(tmp_path / "x.json")]) == 0
    (row,) = json.loads((tmp_path / "x.json").read_text())["rows"]
    assert (row["f1_2ms"], row["hidden"]) == (0.123, 64)
    assert "bundle: HH, H = 64" in capsys.readouterr().out


@pytest.mark.parametrize("more", ["", "--cell HH --part ranks"])
def test_a_bundle_without_its_cell_or_beside_networks_is_refused(more, capsys):
    assert main(["bench", "--bundle", "some.safetensors", *more.split()]) == 1
    assert "name its cell with --cell" in capsys.readouterr().err


def test_a_bundle_that_is_not_there_is_refused(capsys):
    words = "bench --cell HH --bundle none.safetensors --engine ours --quiet"
    assert main(words.split()) == 1
    assert "none.safetensors" in capsys.readouterr().err
