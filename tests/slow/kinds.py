"""What the fuzz does to a network: one function a kind, from a seed to what it counted.

All but the last three compare NEURON's queue with the fan-out, to the last bit.
"""

from __future__ import annotations

import gc
import math
import random

import numpy as np
import pytest
import test_fan_out as common
import test_population as populations
from mixed_network import CELLS, PC, Network, load_mechanisms, played

import ann_backend
from ann_backend import _neuron
from ann_backend.nrn import h

DTS = [0.025, 0.05, 0.1, 0.2]
load_mechanisms()
ann_backend.load("HH")


class Wild(Network):
    """Weights and delays of all sizes that can be, onto replaced cells.

    The biophysical one fires by a current: NEURON's queue orders simultaneous events
    onto one synapse as it happens, and under such weights the last bit of their sum
    grows to other spikes.
    """

    def __init__(self, *args, **keys):
        super().__init__(*args, **keys)
        self.clamp = h.IClamp(self.real(0.5))
        self.clamp.dur, self.clamp.amp = 1e9, 0.2

    def random_target(self):
        return self.random.choice(self.synapses)

    def weight(self):
        usual = super().weight()
        return self.random.choice([usual] * 6 + [0.0, -0.5, 1e6])

    def delay(self):
        return self.random.choice([super().delay(), self.random.random() * 100])


def clear():
    """Give back what a case that failed has left."""
    ann_backend.restore()
    ann_backend.use("auto")
    _neuron.allow_fan_out(True)
    PC.gid_clear()
    h.CVode().queue_mode(0)
    gc.collect()
    h.dt, h.steps_per_ms = 0.025, 40
    h.finitialize(-65)


def one_path(seed, run, *, fan_out, network=Wild, plastic=True):
    """Events, trains, state and flights of a network on one path."""
    keys = {"plastic": plastic and seed % 3 == 0, "connections": 60 + seed % 5 * 60}
    keys |= {"dt": DTS[seed // 2 % 4], "network": network}
    with pytest.MonkeyPatch.context() as patch:
        try:
            return played(patch, fan_out, seed, run, **keys)
        finally:
            clear()


def both_paths(run, **keys):
    """A kind: the same run on both paths."""

    def kind(seed):
        queued = one_path(seed, run, fan_out=False, **keys)
        fanned = one_path(seed, run, fan_out=True, **keys)
        assert queued[0] == fanned[0], first_difference("events", queued[0], fanned[0])
        assert queued[2] == fanned[2], first_difference("weights", queued[2], fanned[2])
        for k, (a, b) in enumerate(zip(queued[1], fanned[1], strict=True)):
            assert np.array_equal(a, b), f"spikes of source {k}: {len(a)}, {len(b)}"
        return counted(fanned)

    return kind


def first_difference(name, a, b):
    """Where two lists part."""
    pairs = enumerate(zip(a, b, strict=False))
    k = next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))
    return f"{name} {k} of {len(a)} and {len(b)}: {a[k : k + 1]}, {b[k : k + 1]}"


def counted(result):
    """What a case is worth."""
    events, trains, _, flown = result
    spikes = sum(map(len, trains[-CELLS:]))
    return {"events": len(events), "spikes": spikes, "flown": flown}


def wild(network):
    """100 ms, so that delays beyond the fan-out's ring come, too."""
    network.run(100.0)


def raising(network):
    """Callbacks at spikes of cells and between steps, some of which raise."""
    raised = []

    def fail():
        if network.random.random() < 0.2:
            raised.append(h.t)
            raise ValueError("the user's")

    for detector in network.watched[-CELLS - 1 :]:
        detector.record(fail)
    h.finitialize(-65)
    for _ in range(5):
        h.CVode().event(network.random.random() * 40, fail)
    while h.t < 40 - h.dt / 2:
        before = len(raised)
        try:
            h.continuerun(40)
        except RuntimeError:
            assert len(raised) > before, "an error that was not the user's"


def deleting(seed):
    """What events are under way to is deleted: those are dropped, nothing crashes."""

    def run(network):
        network.pattern.play(h.Vector(), h.Vector())
        for i, netcon in enumerate(list(network.netcons)):
            netcon.delay = 1 + i * 7 % 50 / 3  # none shared, none beyond the ring
            if netcon.syn() in (network.target, *network.fires):
                network.drop(netcon)  # that would be on NEURON's queue
        netcon = None
        h.finitialize(-65)
        for _ in range(20):
            h.continuerun(h.t + network.random.random() * 3)
            delete(network)
            gc.collect()

    result = one_path(seed, run, fan_out=True, network=Network)
    assert result[3] > 0, "no event took the fan-out"
    return counted(result)


def delete(network):
    """A NetCon or some, a synapse, or the target of a NetCon goes."""
    what = network.random.choice(["netcon", "netcons", "synapse", "target", "start"])
    for _ in range({"netcon": 1, "netcons": 8}.get(what, 0)):
        if network.netcons:
            network.drop(network.random.choice(network.netcons))
    if what == "synapse" and len(network.synapses) > 3:
        network.synapses.pop(network.random.randrange(len(network.synapses)))
    if what == "target" and network.free:
        network.random.choice(network.free).setpost(None)
    if what == "start" and network.random.random() < 0.4:
        h.finitialize(-65)


IMPOSSIBLE = {
    "weight": [math.nan, math.inf, -1e39],
    "delay": [math.nan, math.inf, -0.5],
}


def refused(seed):
    """Weights and delays that cannot be are refused by name; then all is well again."""

    def run(network):
        chance = random.Random(seed)
        taken = [n for n in network.free if n.syn() in network.synapses]
        for name, values in IMPOSSIBLE.items():
            for bad in values:
                refuse(chance.choice(taken), name, bad)
        network.run()

    fine = one_path(seed, Network.run, fan_out=True)
    after = one_path(seed, run, fan_out=True)
    assert fine[0] == after[0], first_difference("events", fine[0], after[0])
    return counted(after)


def refuse(netcon, name, bad):
    """A finitialize with a bad value names the NetCon and the value."""
    kept = netcon.weight[0], netcon.delay
    if name == "weight":
        netcon.weight[0] = bad
    else:
        netcon.delay = bad
    try:
        h.finitialize(-65)
    except RuntimeError as error:
        said = f"{error} {ann_backend.report().refused}"
    else:
        raise AssertionError(f"a {name} of {bad} was taken")
    finally:
        netcon.weight[0], netcon.delay = kept
    assert netcon.hname() in said, said
    assert f"{name} {bad:g}" in said, said


def rows(seed):
    """Rows joined by arrays spike as replaced cells joined by NetCons do."""
    rng = np.random.default_rng(seed)
    pre, post, mechanism, weight, delay = populations.graph(seed, 150, longest=100.0)
    odd = rng.random(len(weight)) < 0.05
    weight[odd] = rng.choice([0.0, -0.5, 2.0**20], odd.sum())
    found = []
    for kind in (populations.Cells, populations.Rows):
        model = kind()
        model.connect(pre, post, mechanism, weight, delay)
        found.append(populations.run(model, ms=300))
        del model
        clear()
    assert found[0][0] == found[1][0], first_difference(
        "spikes", found[0][0], found[1][0]
    )
    assert found[0][1] == found[1][1], first_difference("mV", found[0][1], found[1][1])
    return {"spikes": len(found[0][0])}


stepped, nothing = common.stepped, common.nothing
KINDS = {
    "network": both_paths(wild),
    "raising": both_paths(raising),
    "cut": both_paths(common.cut_and_grow),
    "deleting": deleting,
    # setpost to another number of weights leaves them as memory was: NEURON's own
    "moved": both_paths(stepped(common.retarget), plastic=False),
    "refused": refused,
    "saved": both_paths(stepped(common.save, lambda _: h.SaveState())),
    "rows": rows,
    "learned": both_paths(stepped(nothing, common.learn)),
    "anew": both_paths(stepped(nothing, common.start_again)),
    "among": both_paths(stepped(nothing, common.among_events)),
}
