"""Populations beside replaced cells: the same spikes, without their sections."""

import gc

import numpy as np
import pytest

import ann_backend
from ann_backend.errors import ApproximationWarning, CellError, UnsupportedError
from ann_backend.nrn import h

pytestmark = pytest.mark.usefixtures("fresh")

N = 12
WEIGHTS = {"ann_AMPA": 0.0015, "ann_GABAA": 0.003}  # uS
h.load_file("stdrun.hoc")


@pytest.fixture(scope="module", autouse=True)
def _mechanisms():
    ann_backend.load("HH")


def channel_of(population, mechanism):
    for channel in population.bundle.manifest.channels:
        if channel.synapses[0].mechanism == mechanism:
            return channel.name
    raise AssertionError(mechanism)


def stim(seed, interval):
    source = h.NetStim()
    source.start, source.number, source.noise, source.interval = 0, 1e9, 1, interval
    source.noiseFromRandom123(seed, 7, 1)
    source.seed(1)
    return source


def wire(source, target, weight, delay):
    netcon = h.NetCon(source, target)
    netcon.weight[0], netcon.delay = weight, delay
    return netcon


def graph(seed, count, longest=9.0):
    """Random connections; numbers that float32 holds exactly."""
    rng = np.random.default_rng(seed)
    return (
        rng.integers(N, size=count),
        rng.integers(N, size=count),
        rng.choice(list(WEIGHTS), count),
        rng.integers(1, 40, count) * 2.0**-15,
        rng.integers(0, int(longest * 8), count) / 8,
    )


class Cells:
    """N replaced cells: everything through synapses and NetCons."""

    def __init__(self):
        self.cells = ann_backend.replace([h.HH() for _ in range(N)])
        self.synapses = [
            {name: getattr(h, name)(c.soma(0.5)) for name in WEIGHTS}
            for c in self.cells
        ]
        self.times = [h.Vector() for _ in self.cells]
        self.detectors = [self.source_netcon(k, None) for k in range(N)]
        for detector, times in zip(self.detectors, self.times, strict=True):
            detector.record(times)

    def source_netcon(self, k, target):
        soma = self.cells[k].soma
        netcon = h.NetCon(soma(0.5)._ref_v, target, sec=soma)
        netcon.threshold = 0
        return netcon

    def input(self, k, mechanism):
        return self.synapses[k][mechanism]

    def connect(self, pre, post, mechanism, weight, delay):
        self.keep = []
        for a, b, m, w, d in zip(pre, post, mechanism, weight, delay, strict=True):
            netcon = self.source_netcon(a, self.synapses[b][m])
            netcon.weight[0], netcon.delay = w, d
            self.keep.append(netcon)

    def spikes(self):
        return sorted((t, k) for k, times in enumerate(self.times) for t in times)

    def v(self):
        return [c.soma(0.5).v for c in self.cells]


class Rows:
    """The same as N rows of a population."""

    def __init__(self, gid=100):
        self.rows = ann_backend.population("HH", N, gid=gid)
        self.gid = gid
        self.names = {m: channel_of(self.rows, m) for m in WEIGHTS}

    def source_netcon(self, k, target):
        return h.NetCon(self.rows.source(self.gid + k), target)

    def input(self, k, mechanism):
        return self.rows.input(self.gid + k, self.names[mechanism])

    def connect(self, pre, post, mechanism, weight, delay):
        names = [self.names[m] for m in mechanism]
        ann_backend.connect(self.gid + pre, self.gid + post, names, weight, delay)

    def spikes(self):
        gid, t = self.rows.spikes
        return sorted(zip(t, gid - self.gid, strict=True))

    def v(self):
        return list(self.rows.v)


def driven(model):
    """Irregular excitation and inhibition of every row."""
    keep = []
    for k in range(N):
        for j, (mechanism, weight) in enumerate(WEIGHTS.items()):
            source = stim(10 * k + j, 5 + 0.3 * k)
            keep += [source, wire(source, model.input(k, mechanism), weight, 0.5 + j)]
    return keep


def run(model, ms=600):
    keep = driven(model)
    h.finitialize(-65)
    h.continuerun(ms)
    del keep
    return model.spikes(), model.v()


def nothing(_model):
    """Add nothing to a model."""


def both(make):
    """Run something with cells, then with rows, one after the other."""
    found = []
    for kind in (Cells, Rows):
        model = kind()
        extra = make(model)
        found.append((*run(model), list(extra[0]) if extra else []))
        del model, extra
        ann_backend.restore()
        gc.collect()
    return found


def test_rows_spike_as_replaced_cells_do():
    cells, rows = both(nothing)
    assert len(cells[0]) > 50
    assert rows[:2] == cells[:2]


@pytest.mark.filterwarnings("ignore::ann_backend.ApproximationWarning")
def test_arrays_connect_as_netcons_do():
    cells, rows = both(lambda model: model.connect(*graph(1, 150)))
    alone = both(nothing)[0]
    assert len(cells[0]) > 50
    assert cells[0] != alone[0]
    assert rows[:2] == cells[:2]


PLASTIC = {"U": 0.4, "tau_rec": 300.0, "tau_fac": 30.0}


@pytest.mark.filterwarnings("ignore::ann_backend.ApproximationWarning")
def test_plastic_arrays_connect_as_netcons_onto_plastic_synapses_do():
    pre, post, _, weight, delay = graph(3, 150)

    def connected(model):
        if isinstance(model, Rows):
            channel = model.names["ann_GABAA"]
            ann_backend.connect(
                100 + pre, 100 + post, channel, weight, 1 + delay, **PLASTIC
            )
            return
        for synapses in model.synapses:
            plastic = synapses["plastic"] = h.ann_GABAA(
                synapses["ann_AMPA"].get_segment()
            )
            plastic.U, plastic.tau_rec, plastic.tau_fac = PLASTIC.values()
        model.connect(pre, post, ["plastic"] * len(pre), weight, 1 + delay)

    cells, rows = both(connected)
    assert len(cells[0]) > 50
    assert rows[:2] == cells[:2]
    static = both(
        lambda m: m.connect(pre, post, ["ann_GABAA"] * 150, weight, 1 + delay)
    )
    assert static[0] != cells[:2]


def test_played_events_come_as_netcons_bring_them():
    rng = np.random.default_rng(4)
    row, weight = rng.integers(N, size=2000), rng.uniform(0.001, 0.003, 2000)
    t = np.round(rng.uniform(0, 600, 2000) * 200) / 200  # some at edges of bins

    def queued(model):
        if isinstance(model, Rows):
            model.rows.play(100 + row[:900], 0, weight[:900], t[:900])
            model.rows.play(100 + row[900:], 0, weight[900:], t[900:])
            return
        due = []
        for k, w in zip(row, weight, strict=True):
            due.append(h.NetCon(None, model.synapses[k]["ann_AMPA"]))
            due[-1].weight[0] = w
        model.keep = (
            due,
            h.FInitializeHandler(
                lambda: [n.event(when) for n, when in zip(due, t, strict=True)]
            ),
        )

    cells, rows = both(queued)
    assert len(cells[0]) > 100
    assert rows[:2] == cells[:2]


def test_played_events_come_again_in_a_second_run():
    rows = ann_backend.population("HH", 3)
    rows.play([0, 1, 2], 0, 0.01, [20.0, 30.0, 700.0])
    found = []
    for _ in range(2):
        h.finitialize(-65)
        h.continuerun(100)
        found.append([x.tolist() for x in rows.spikes])
    assert found[0] == found[1]
    assert found[0][0] == [0, 1]


def test_a_row_drives_a_biophysical_cell():
    def downstream(model):
        soma = h.Section(name="downstream")
        soma.L = soma.diam = 20
        soma.insert("hh")
        synapse = h.ExpSyn(soma(0.5))
        synapse.tau = 2
        netcons = [model.source_netcon(k, synapse) for k in range(N)]
        for netcon in netcons:
            netcon.weight[0], netcon.delay = 0.03, 1.5
        v = h.Vector().record(soma(0.5)._ref_v)
        return v, soma, synapse, netcons

    cells, rows = both(downstream)
    assert max(cells[2]) > 0
    assert rows[2] == cells[2]


@pytest.mark.filterwarnings("ignore::ann_backend.ApproximationWarning")
def test_two_populations_and_a_second_run():
    a, b = Rows(gid=0), Rows(gid=50)
    pre, post, mechanism, weight, delay = graph(2, 100, longest=4)
    ann_backend.connect(
        pre, 50 + post, [b.names[m] for m in mechanism], 8 * weight, 1 + delay
    )
    keep = driven(a)
    found = []
    for _ in range(2):
        for source in keep[::2]:
            source.seed(1)
        h.finitialize(-65)
        h.continuerun(400)
        found.append((a.spikes(), b.spikes(), a.v(), b.v()))
    assert found[0] == found[1]
    assert len(found[0][0]) > 30
    assert len(found[0][1]) > 0


def test_gids_follow_each_other_and_are_free_again():
    first = ann_backend.population("HH", 3)
    second = ann_backend.population("HH", 2)
    assert (first.gids, second.gids) == (range(3), range(3, 5))
    assert len(second) == 2
    with pytest.raises(CellError, match="are free, got 4 to 5 beside <2 rows"):
        ann_backend.population("HH", 2, gid=4)
    del second
    gc.collect()
    assert ann_backend.population("HH", 2).gids == range(3, 5)


def test_before_a_run_it_rests():
    rows = ann_backend.population("HH", 2)
    assert [len(x) for x in rows.spikes] == [0, 0]
    assert list(rows.v) == [-65, -65]


def test_a_deleted_one_is_dropped():
    rows = Rows()
    keep = driven(rows)
    h.finitialize(-65)
    h.continuerun(20)
    del rows
    gc.collect()
    h.continuerun(40)  # it is still in the model that runs
    del keep
    h.finitialize(-65)
    h.continuerun(20)


def test_what_does_not_fit_is_refused_by_name():
    rows = ann_backend.population("HH", 3)
    good = {"pre": 0, "post": 1, "channel": 0, "weight": 0.001, "delay": 2.0}
    for change, error, message in [
        ({"pre": [0, 7]}, CellError, "gids of populations .* got 7; other cells"),
        ({"post": -1}, CellError, "got -1"),
        ({"channel": "spine"}, CellError, "expected one of 3 channels .* got 'spine'"),
        ({"channel": 3}, CellError, "got 3"),
        ({"pre": [0, 1], "post": [0, 1, 2]}, CellError, r"one shape \(N,\), or"),
        ({"pre": 0.5}, CellError, "pre as integers"),
        ({"weight": [0.001, np.nan]}, CellError, "finite weights .* got nan"),
        ({"delay": -1.0}, CellError, "delays of 0 to 100000 ms, got -1"),
        ({"U": 1.5}, CellError, "U of 0 to 1, got 1.5"),
        ({"U": 0.5, "tau_rec": -1}, CellError, "tau_fac of 0 ms or more, got -1"),
    ]:
        with pytest.raises(error, match=message):
            ann_backend.connect(**{**good, **change})
    assert rows.engine.connections == 0
    for call in (rows.source, lambda gid: rows.input(gid, 0)):
        with pytest.raises(CellError, match="expected one of its gids, got 3"):
            call(3)
    event = {"gid": 1, "channel": 0, "weight": 0.001, "t": 2.0}
    for change, message in [
        ({"gid": [0, 3]}, "one of its gids, got 3"),
        ({"gid": 0.5}, "gid as integers, got float64"),
        ({"channel": "spine"}, "expected one of 3 channels"),
        ({"channel": "GABA"}, r"3 channels \(GABA_A, "),
        ({"weight": np.inf}, "finite weights .* got inf"),
        ({"t": [2.0, -0.5]}, "times of 0 ms or later, got -0.5"),
        ({"gid": [0, 1], "t": [1.0, 2.0, 3.0]}, r"one shape \(N,\), or"),
    ]:
        with pytest.raises(CellError, match=message):
            rows.play(**{**event, **change})
    with pytest.raises(CellError, match="at least 1 row, got 0"):
        ann_backend.population("HH", 0)


def test_no_connections_and_no_events_are_fine():
    rows = ann_backend.population("HH", 2)
    ann_backend.connect([], [], 0, [], [])
    ann_backend.connect([], [], [], [], [])
    rows.play([], 0, 0.001, [])
    assert rows.engine.connections == 0


def test_weights_beyond_the_training_are_said():
    rows = ann_backend.population("HH", 3)
    with pytest.warns(ApproximationWarning, match="1 connections onto <3 rows"):
        ann_backend.connect(rows.gids, rows.gids, 0, [0.001, 0.001, 1.5], 2.0)


def test_another_temperature_is_refused_and_the_report_lists_it():
    rows = ann_backend.population("HH", 3)
    h.finitialize(-65)
    assert f"population: {rows.name}" in str(ann_backend.report())
    celsius, h.celsius = h.celsius, 37
    try:
        with pytest.raises(RuntimeError):
            h.finitialize(-65)
    finally:
        h.celsius = celsius
    assert "trained at celsius" in ann_backend.report().refused


def test_short_delays_are_said_once():
    rows = ann_backend.population("HH", 3)
    with pytest.warns(ApproximationWarning, match="2 connections .* 0.25 ms late"):
        ann_backend.connect([0, 1, 2], rows.gids[0], 0, 0.001, [0.0, 1.0, 1.0 - 1e-9])
    ann_backend.connect([0, 1, 2], rows.gids[0], 0, 0.001, 0.5)
    assert rows.engine.connections == 6


def test_neuron_cannot_run_one():
    rows = ann_backend.population("HH", 3)
    ann_backend.use("neuron")
    with pytest.raises(UnsupportedError, match="has no sections"):
        ann_backend.population("HH", 3)
    with pytest.raises(Exception, match="hocobj_call error"):
        h.finitialize(-65)
    del rows
    gc.collect()
    h.finitialize(-65)
