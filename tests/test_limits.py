"""What a replaced cell cannot do is refused by name, or said once with a count."""

import re
import subprocess
import sys
import warnings

import pytest
from double import bundle_for, install, mini_cell, replaced

import ann_backend
from ann_backend.errors import ApproximationWarning
from ann_backend.nrn import h

pytestmark = pytest.mark.usefixtures("fresh", "silent")


def refused(message, v=-65):
    with pytest.raises(RuntimeError, match=message):
        h.finitialize(v)
    assert ann_backend.report().refused
    if v == -65:  # else the cells stay parked
        assert "ann_anchor_" not in [s.name() for s in h.allsec()]


def warned(message):
    with pytest.warns(ApproximationWarning, match=message):
        h.finitialize(-65)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        h.finitialize(-65)  # said once
    said = [a for c in ann_backend.report().cells for a in c.approximate]
    assert any(re.search(message, a) for a in said)


def test_threads_are_refused():
    cell, pc = replaced(), h.ParallelContext()
    pc.nthread(2)
    refused("nthread\\(2\\): replaced cells need nthread\\(1\\); use MPI ranks")
    pc.nthread(1)
    h.finitialize(-65)
    assert cell


def test_variable_steps_are_refused():
    cell, cvode = replaced(), h.CVode()
    cvode.active(1)
    refused("replaced cells need the fixed step; use CVode\\(\\).active\\(0\\)")
    cvode.active(0)
    h.finitialize(-65)
    with pytest.raises(RuntimeError, match="not supported with replaced cells"):
        cvode.active(1)
    assert cell


def leave_by_use():
    cell = replaced()
    yield
    ann_backend.use("neuron")
    yield
    assert cell


def leave_by_restore():
    cell = replaced()
    yield
    ann_backend.restore()
    yield
    assert cell


def leave_by_deleting():
    cell = replaced()
    yield
    del cell
    yield


@pytest.mark.parametrize("leave", [leave_by_use, leave_by_restore, leave_by_deleting])
def test_variable_steps_are_free_once_no_cell_is_left(leave):
    other, cvode, leaving = h.Section(name="other"), h.CVode(), leave()
    next(leaving)
    h.finitialize(-65)
    h.continuerun(3)
    next(leaving)
    cvode.active(1)
    h.finitialize(-65)
    h.continuerun(5)
    assert cvode.active()
    assert other


def test_variable_steps_are_refused_again_where_use_goes_back():
    cell, cvode = replaced(), h.CVode()
    h.finitialize(-65)
    ann_backend.use("neuron")
    ann_backend.use("auto")
    with pytest.raises(RuntimeError, match="not supported with replaced cells"):
        cvode.active(1)
    assert cell


def test_coreneuron_is_refused():
    from neuron import coreneuron

    cell = replaced()
    coreneuron.enable = True
    try:
        refused("set coreneuron.enable = False")
    finally:
        coreneuron.enable = False
    assert cell


def test_multisplit_is_refused():
    script = """
import sys
sys.path.insert(0, "tests")
from double import *
import ann_backend
cell = mini_cell()()
ann_backend.replace(cell, bundle=bundle_for(cell))
other = [h.Section(name=n) for n in "ab"]
other[1].connect(other[0](1))
pc = h.ParallelContext()
pc.multisplit(0.5, 1, sec=other[1])
pc.multisplit()
h.finitialize(-65)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True
    )
    assert "multisplit: replaced cells need whole cells" in done.stderr


@pytest.mark.parametrize("clamp", ["IClamp", "SEClamp", "VClamp"])
def test_clamps_are_refused(clamp):
    cell = replaced()
    point = getattr(h, clamp)(cell.soma(0.5))
    refused(f"{clamp}.* a current or voltage clamp is no input of bundle 'double'")
    assert point


def test_extracellular_is_refused():
    cell = mini_cell()()
    cell.dend.insert("extracellular")
    ann_backend.replace(cell, bundle=bundle_for(cell))
    refused("extracellular is inserted in 1 of its sections")


def test_an_undeclared_synapse_type_is_refused():
    cell = replaced()
    point = h.Exp2Syn(cell.dend(0.5))
    refused("takes ExpSyn, and no Exp2Syn")
    assert point


def test_other_kinetics_are_refused():
    cell = replaced()
    point = h.ExpSyn(cell.dend(0.5))
    point.tau = 3
    refused(r"tau = 3 \(expected 2\)")
    point.tau = 2
    h.finitialize(-65)


def test_a_synapse_where_no_channel_is_is_refused():
    cell = replaced()
    point = h.ExpSyn(cell.apic(0.5))
    point.tau = 2
    refused(r"channels for ExpSyn at dend\(0.1\), dend\(0.5\), dend\(0.9\) only")


def test_another_temperature_is_refused():
    cell = replaced()
    h.celsius = 34
    refused("was trained at celsius = 6.3, got 34; set h.celsius = 6.3")
    assert cell


def test_another_start_voltage_is_refused():
    cell = replaced()
    for _ in range(2):  # before the first run, and after one
        refused(r"starts from v_init = -65 mV, got finitialize\(-70\)", v=-70)
        with pytest.raises(RuntimeError, match=r"got finitialize\(-70\)"):
            h.continuerun(5)
        h.finitialize(-65)
        h.continuerun(5)
        assert h.t == pytest.approx(5)
    assert cell


def test_a_refused_model_still_runs_without_the_surrogate():
    cell = replaced()
    clamp = h.IClamp(cell.soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 20, 1
    refused("clamp")
    ann_backend.restore()
    v = h.Vector().record(cell.soma(0.5)._ref_v)
    h.finitialize(-65)
    h.continuerun(20)
    assert v.max() > 0


def test_gap_junctions_are_refused(tmp_path):
    (tmp_path / "halfgap.mod").write_text(
        "NEURON { POINT_PROCESS HalfGap  ELECTRODE_CURRENT i  RANGE g, i, vgap }\n"
        "PARAMETER { g = 0 }\nASSIGNED { v  vgap  i }\n"
        "BREAKPOINT { i = g * (vgap - v) }\n"
    )
    from ann_backend import paths
    from ann_backend.nrn import version

    h.nrn_load_dll(str(paths.mechanisms([tmp_path / "halfgap.mod"], version())))
    cell = replaced()
    gap = h.HalfGap(cell.soma(0.5))
    refused("gap junctions need the membrane of the cell itself")
    assert gap


def netcon(cell, x=0.5, section="soma", delay=1.0, threshold=0.0, target=None):
    sec = getattr(cell, section)
    made = h.NetCon(sec(x)._ref_v, target, sec=sec)
    made.delay, made.threshold = delay, threshold
    return made


def test_delays_below_the_bin_are_counted_with_their_lateness():
    target = h.Section(name="target")
    synapse = h.ExpSyn(target(0.5))
    cell = replaced()
    keep = [netcon(cell, delay=d, target=synapse) for d in (0.5, 0.0, 1.0)]
    warned("2 NetCons .* below 1 ms: their events are delivered 0.312 ms late")
    assert keep


def test_short_delays_keep_recorded_times_and_never_go_back_in_time(monkeypatch):
    install(monkeypatch, lambda t0, _: ([-65.0], [(0, t0 + 0.3), (0, t0 + 0.8)]))
    target = h.Section(name="target")
    synapse = h.ExpSyn(target(0.5))
    cell = replaced()
    keep = [netcon(cell, delay=d, target=synapse) for d in (0.0, 0.1, 0.7, 1.0)]
    times = h.Vector()
    keep[0].record(times)
    with pytest.warns(ApproximationWarning):
        h.finitialize(-65)
    h.continuerun(3)
    assert list(times) == [0.3, 0.8, 1.3, 1.8, 2.3, 2.8]
    assert [k.delay for k in keep] == [0.0, 0.1, 0.7, 1.0]


def test_equal_short_delays_are_put_off_for_one_spike_only(monkeypatch):
    install(monkeypatch, lambda t0, _: ([-65.0], [(0, t0 + 0.3)] if t0 < 2 else []))
    target = h.Section(name="target")
    synapse = h.ExpSyn(target(0.5))
    cell = replaced()
    # More than two NetCons of one delay share one event of NEURON's.
    keep = [netcon(cell, delay=0.2, target=synapse) for _ in range(4)]
    for k in keep:
        k.weight[0] = 0.01
    g, t = h.Vector().record(synapse._ref_g), h.Vector().record(h._ref_t)
    failures = iter([True, False])

    def once():
        if next(failures, False):
            raise ValueError("mine")

    keep[0].record(once)
    with pytest.warns(ApproximationWarning):
        h.finitialize(-65)
    with pytest.raises(RuntimeError, match="mine"):
        h.continuerun(4)
    h.continuerun(4)
    rises = [t.x[i] for i in range(1, len(t)) if g.x[i] > g.x[i - 1]]
    assert rises == pytest.approx(
        [2.025], abs=0.03
    )  # the first spike's callback raised
    assert {k.delay for k in keep} == {0.2}


def test_sources_off_the_soma_are_counted():
    cell = replaced()
    keep = [netcon(cell, section="dend"), netcon(cell)]
    warned("1 spike sources .* are not on the soma's voltage")
    assert keep


def test_other_thresholds_are_counted():
    cell = replaced()
    keep = netcon(cell, threshold=-20)
    warned("1 spike sources .* have another threshold")
    assert keep


def test_recordings_that_go_stale_are_counted():
    cell = replaced()
    synapse = h.ExpSyn(cell.dend(0.5))
    synapse.tau = 2
    refs = [cell.dend(0.5)._ref_v, cell.soma(0.5)._ref_m_hh, synapse._ref_g]
    keep = [h.Vector().record(r) for r in refs]
    keep.append(h.Vector().record(cell.soma(0.5)._ref_v))
    warned("3 recordings are of parked sections or point processes")
    assert ann_backend.report().cells[0].recordings == 1


def test_weights_outside_the_training_range_are_counted():
    cell = replaced(weight=(0.0, 0.01))
    synapse = h.ExpSyn(cell.dend(0.5))
    synapse.tau = 2
    stim = h.NetStim()
    keep = [h.NetCon(stim, synapse, 0, 1, w) for w in (0.005, 0.02, -0.001)]
    warned(
        "2 NetCons onto replaced cells have a weight outside .*, such as 0.02 uS on "
        r"'.+' of \w+\[\d+\] \(trained: 0 to 0.01 uS\)"
    )
    keep[1].weight[0] = 5
    warned("such as 5 uS on")  # another one


def test_rates_and_weights_beyond_training_are_said_after_the_run():
    cell = replaced(weight=(0.0, 0.01))
    synapse = h.ExpSyn(cell.dend(0.5))
    synapse.tau = 2
    stim = h.NetStim()
    stim.start, stim.interval, stim.number = 0, 0.1, 1e9  # 10 kHz; trained to 1 kHz
    netcon = h.NetCon(stim, synapse, 0, 1, 0.005)
    h.finitialize(-65)
    h.continuerun(50)
    netcon.weight[0] = 0.02
    h.continuerun(100)
    said = ann_backend.report().loads
    assert any(re.match("1 channels .* higher rate", text) for text in said)
    assert any(re.match("4.. events .* weight outside", text) for text in said)
    netcon.weight[0] = 0.005
    with pytest.warns(ApproximationWarning) as caught:
        h.finitialize(-65)
    assert len(caught) == 2


def test_fast_imem_is_said():
    cell = replaced()
    h.CVode().use_fast_imem(1)
    warned("i_membrane_ of 1 replaced cells is not computed")
    h.CVode().use_fast_imem(0)
    assert cell


def test_an_error_in_the_engine_stops_the_run_and_names_itself(monkeypatch):
    bins = []

    def broken(t0, _):
        bins.append(t0)
        raise ArithmeticError(f"NaN in row 0, bin at {t0}")

    install(monkeypatch, broken)
    cell = replaced()
    for _ in range(2):
        h.finitialize(-65)
        for _ in range(2):  # it does not go on
            message = r"ann_backend: .*NaN in row 0, bin at 0.0"
            with pytest.raises(RuntimeError, match=message):
                h.continuerun(3)
            assert h.t == pytest.approx(1, abs=0.03)
    assert bins == [0.0, 0.0]
    assert cell
