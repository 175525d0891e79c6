"""The teacher runs what a user would run, in CoreNEURON as in NEURON."""

import dataclasses

import numpy as np
import pytest

from ann_backend import paths
from ann_backend.errors import AnnBackendError, ApproximationWarning, CellError
from ann_backend.nrn import version
from ann_backend.train import build, engine
from ann_backend.train.cell import HH, CellDescription, ChannelDescription
from ann_backend.train.dataset import Request, generate
from ann_backend.train.engine import choose
from ann_backend.train.resolve import resolve
from ann_backend.train.sampling import draw_plan
from ann_backend.train.steer import Helm
from ann_backend.train.trial import Record

KINDS = (
    ChannelDescription(
        name="E",
        location="dendrites",
        synapses=(("ExpSyn", {"tau": 2.0, "e": 0.0}),),
        role="excitatory",
        unit_uS=0.005,
        rate_Hz=60.0,
        tau_ms=(0.3, 2.0),
    ),
    ChannelDescription(
        name="I",
        location="dend[0](0.5)",
        synapses=(("IClamp", {}),),
        role="current",
        unit_uS=0.3,
        rate_Hz=1000.0,
        tau_ms=(0.5, 10.0),
    ),
)
STICK = CellDescription(
    name="Stick", template="small_cells:Stick", channels=KINDS, secondorder=2
)


@pytest.fixture(scope="module")
def data(hh, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trials")
    request = Request(
        cell=hh, split="train", seed=3, trials=6, duration_ms=1500, rows=3
    )
    return generate(request, folder, processes=2, quiet=True)


def plain_run(trial, cell, synapses, watched):
    """A script as a user writes it, with one of the trials' events."""
    from ann_backend.nrn import h

    events, netcons = trial.events, []
    for kind in sorted(set(zip(events.channel, events.weight, strict=True))):
        if synapses[kind[0]] is None:
            continue
        netcon = h.NetCon(None, synapses[kind[0]])
        netcon.weight[0] = float(kind[1])
        mine = (events.channel == kind[0]) & (events.weight == kind[1])
        netcons.append((netcon, events.t[mine]))
    soma = cell.soma
    detector = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
    spikes = h.Vector()
    detector.threshold = trial.cell.threshold_mV
    detector.record(spikes)
    traces = [h.Vector().record(segment._ref_v) for segment in watched]
    h.dt, h.celsius = trial.cell.dt_ms, trial.cell.celsius
    h.secondorder = trial.cell.secondorder
    h.finitialize(trial.cell.v_init_mV)
    for netcon, times in netcons:
        for t in times:
            netcon.event(float(t))
    for _ in range(len(trial.v) * round(1 / h.dt)):
        h.fadvance()
    h.secondorder = 0
    every = round(1 / trial.cell.dt_ms)
    return spikes.as_numpy().copy(), [t.as_numpy()[every::every].copy() for t in traces]


def test_the_teacher_spikes_at_crossings_of_the_threshold(data):
    assert sum(len(t.spikes) for t in data.trials) > 5
    for trial in data.trials:
        assert len(trial.v) == 1500
        for at in trial.spikes:
            assert trial.v[max(0, int(at) - 2) : int(at) + 3].max() > -40


def test_a_trial_is_the_run_a_user_would_make(data):
    from ann_backend import load as load_cell
    from ann_backend.nrn import h

    load_cell("HH")
    trial = max(data.trials, key=lambda t: len(t.spikes))
    cell = h.HH()
    synapses = [h.ann_AMPA, h.ann_GABAA, h.ann_NMDA]
    synapses = [make(cell.soma(0.5)) for make in synapses]
    spikes, (v,) = plain_run(trial, cell, synapses, [cell.soma(0.5)])
    assert len(trial.spikes) > 0
    # a NetCon says the step's end; the trial where in the step it was
    late = spikes - trial.spikes
    assert np.all((late > -1e-6) & (late < HH.dt_ms + 1e-6))
    assert np.allclose(trial.v, v, rtol=0, atol=1e-4)


def test_a_dendritic_trial_with_a_clamp_is_the_run_a_user_would_make(tmp_path):
    from small_cells import Stick

    from ann_backend.nrn import h

    cell = resolve(STICK)
    request = Request(
        cell=cell, split="test", seed=0, trials=48, duration_ms=400, rows=48
    )
    data = generate(request, tmp_path, processes=1, quiet=True)
    clamped = [t for t in data.trials if len(t.events.steps)]
    trial = max(clamped, key=lambda t: np.ptp(t.v))
    one = Stick()
    synapses = [
        h.ExpSyn(one.dend[int(c.location[5])](float(c.location[8:-1])))
        for c in cell.channels[:-1]
    ]
    for synapse in synapses:
        synapse.tau = 2.0
    clamps = []
    for on, off, nA in trial.events.steps:
        clamps.append(h.IClamp(one.dend[0](0.5)))
        clamps[-1].delay, clamps[-1].dur, clamps[-1].amp = on, off - on, nA
    names = [(int(site[5]), float(site[8:-1])) for site in cell.sites]
    watched = [one.soma(0.5), *(one.dend[k](x) for k, x in names)]
    _, (v, *sites) = plain_run(trial, one, [*synapses, None], watched)
    assert np.ptp(trial.v) > 1
    assert np.allclose(trial.v, v, rtol=0, atol=0.05)
    assert np.allclose(trial.sites, sites, rtol=0, atol=0.1)


def test_a_cell_that_coreneuron_refuses_runs_in_neuron_and_it_is_said(monkeypatch):
    library = build.library

    def refused(cell, *, fast):
        if fast:
            raise CellError("nrnivmodl could not compile x.mod: EXTERNAL")
        return library(cell, fast=fast)

    monkeypatch.setattr(engine.build, "library", refused)
    with pytest.warns(ApproximationWarning, match=r"CoreNEURON does not run.*EXTERNAL"):
        teacher = choose(HH)
    assert not teacher.fast
    assert teacher.name.startswith("NEURON 9")


def test_neuron_and_coreneuron_give_the_same_trials(data, hh, tmp_path, monkeypatch):
    request = Request(
        cell=hh, split="train", seed=3, trials=6, duration_ms=1500, rows=3
    )
    stock = dataclasses.replace(choose(HH), fast=False, name="NEURON")
    monkeypatch.setattr("ann_backend.train.dataset.choose", lambda _: stock)
    again = generate(request, tmp_path, processes=1, quiet=True)
    assert again.events_sha256 == data.events_sha256
    for a, b in zip(again.trials, data.trials, strict=True):
        assert np.allclose(a.v, b.v, rtol=0, atol=1e-3)
        assert np.allclose(a.spikes, b.spikes, rtol=0, atol=1e-4)


def test_a_mechanism_that_does_not_compile_anywhere_is_an_error(tmp_path):
    bad = tmp_path / "bad.mod"
    bad.write_text("NEURON { SUFFIX bad  RANGE x }\nPARAMETER { x = \n")
    with pytest.raises(CellError, match=r"could not compile .*bad\.mod"):
        choose(dataclasses.replace(HH, mod_files=(*HH.mod_files, bad)))


def test_comments_do_not_change_the_hash_of_the_mechanisms(tmp_path):
    text = "TITLE one\nNEURON { SUFFIX a }\nCOMMENT\nx\nENDCOMMENT\n"
    hashes = []
    bodies = text, text.replace("one", "two : x"), text + "UNITS { }"
    for k, body in enumerate(bodies):
        file = tmp_path / str(k) / "a.mod"
        file.parent.mkdir()
        file.write_text(body)
        hashes.append(engine.statements(dataclasses.replace(HH, mod_files=(file,))))
    assert hashes[0] == hashes[1] != hashes[2]


class Trace:
    """Stands in for a NEURON vector."""

    def __init__(self, v):
        self.v = np.asarray(v, float)

    def as_numpy(self):
        return self.v

    def resize(self, _):
        pass


def test_spikes_are_found_between_steps_and_across_stretches():
    record = Record(HH, 2)
    assert record.take([Trace([-60, -60, -60, -10, 10])], 2) == 1
    assert record.take([Trace([-60, -30])], 3) == 0
    assert record.take([Trace([30, -60])], 4) == 1
    assert np.concatenate(record.spikes) == pytest.approx([1.75, 3.25])
    assert np.concatenate(record.v).tolist() == [-60, 10, -30, -60]


def test_a_voltage_that_is_not_finite_is_an_error():
    with pytest.raises(AnnBackendError, match="finite samples of the voltage"):
        Record(HH, 2).take([Trace([-60, np.nan, -60])], 1)


def test_the_helm_brings_a_cell_to_its_target():
    """A cell that fires as the fourth power of its drive, at 10 Hz for a drive of 2."""
    for target in (1.0, 5.0, 20.0):
        rng = np.random.default_rng(4)
        plan = dataclasses.replace(
            draw_plan(HH, 0, duration_ms=1), target_Hz=target, drive=0.3
        )
        helm, late = Helm(plan), []
        for k in range(120):
            spikes = int(rng.poisson(10.0 * (helm.drive / 2) ** 4 * 0.25))
            helm.move(spikes, 1.0, 250)
            late += [spikes] if k >= 20 else []
        assert np.mean(late) * 4 == pytest.approx(target, rel=0.35)


def test_nothing_is_learned_from_silence():
    plan = dataclasses.replace(draw_plan(HH, 0, duration_ms=1), target_Hz=5.0)
    helm = Helm(plan)
    helm.move(0, 0.0, 250)
    assert helm.drive == plan.drive


def test_an_imported_neuron_nmodl_does_not_break_coreneurons_compiler(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("ANN_BACKEND_CACHE", str(tmp_path))
    monkeypatch.setenv("NMODLHOME", str(tmp_path))  # as neuron.nmodl does, wrongly
    files = [paths.mod_dir() / "ann_AMPA.mod"]
    assert paths.mechanisms(files, version(), flags=build.FAST).is_file()
