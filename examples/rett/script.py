"""One network of the Rett study as a plain NEURON script, on any backend.

    python examples/rett/script.py --connectivity 0.1 --drive 600 --backend neuron

One line of it knows surrogates: `ann_backend.replace`. `network.py` says what the
network is and draws it; `map.py` runs thousands of them.
"""

import argparse
import contextlib
import hashlib
import json

import network
import numpy as np
from neuron import coreneuron, h

import ann_backend
from ann_backend.train import build
from ann_backend.train.cell import SHIPPED

BACKENDS = "neuron", "coreneuron", "surrogate"


def set_up(cell, *, fast=False):
    """Load the cell; NEURON's settings are those it was trained with.

    Fast are its mechanisms for CoreNEURON; the process can then load no others.
    """
    h.load_file("stdrun.hoc")
    if fast:
        build.load(SHIPPED[cell.name], fast=True)
    else:
        ann_backend.load(cell.name)
    h.celsius, h.v_init, h.secondorder = cell.celsius, cell.v_init_mV, cell.secondorder
    h.dt, h.steps_per_ms = cell.dt_ms, round(1 / cell.dt_ms)


def point(template, cell, place, **plasticity):
    """Make a synapse at a place such as ``("ann_GABAA", "dend[3](0.5)")``."""
    mechanism, location = place
    name, x = location.rstrip(")").split("(")
    section, _, index = name.rstrip("]").partition("[")
    section = getattr(template, section)
    made = getattr(h, mechanism)((section[int(index)] if index else section)(float(x)))
    for parameter, value in {**cell.kinetics.get(mechanism, {}), **plasticity}.items():
        setattr(made, parameter, value)
    return made


class Synapses(dict):
    """Synapses of the cells, by cell and place; made when they are first asked for."""

    def __init__(self, cells, cell, **plasticity):
        super().__init__()
        self.cells, self.cell, self.plasticity = cells, cell, plasticity
        self.places = cell.places

    def __missing__(self, key):
        which, place = key
        self[key] = point(
            self.cells[which], self.cell, self.places[place], **self.plasticity
        )
        return self[key]


def connected(cells, cell, net):
    """Plastic synapses and the NetCons onto them."""
    synapses = Synapses(cells, cell, **network.PLASTICITY)
    wires = zip(net.pre, net.post, net.site, net.weight, strict=True)
    netcons = []
    for pre, post, site, weight in wires:
        soma = cells[pre].soma
        netcon = h.NetCon(soma(0.5)._ref_v, synapses[post, site], sec=soma)
        netcon.threshold, netcon.delay = 0, network.DELAY_MS
        netcon.weight[0] = weight
        netcons.append(netcon)
    return synapses, netcons


def driven(cells, cell, net):
    """Static synapses, and NetCons whose events are queued at ``finitialize``."""
    synapses, netcons, due = Synapses(cells, cell), {}, []
    events = zip(net.cell, net.place, net.weights, net.t, strict=True)
    for which, place, weight, t in events:
        key = which, place, weight
        if key not in netcons:
            netcons[key] = h.NetCon(None, synapses[which, place])
            netcons[key].weight[0] = weight
        due.append((netcons[key], t))

    def queue():
        for netcon, t in due:
            netcon.event(t)

    return synapses, netcons, h.FInitializeHandler(queue)


def recorded(cells):
    """Who fires, when, and what tells it."""
    who, when, detectors = h.Vector(), h.Vector(), []
    for index, one in enumerate(cells):
        detectors.append(h.NetCon(one.soma(0.5)._ref_v, None, sec=one.soma))
        detectors[-1].threshold = 0
        detectors[-1].record(when, who, index)
    return who, when, detectors


def vectorised(detectors):
    """Run in CoreNEURON, for which every cell needs a gid."""
    context = h.ParallelContext()
    for gid, detector in enumerate(detectors):
        context.set_gid2node(gid, context.id())
        context.cell(gid, detector)
    context.set_maxstep(10)
    coreneuron.enable, coreneuron.verbose = True, 0
    context.psolve(network.END_MS)


def run(net, cell, *, backend="neuron", bundle=None, watch=None):
    """Run a network.

    Parameters
    ----------
    net : network.Network
    cell : network.Cell
    backend : {"neuron", "coreneuron", "surrogate"}
        CoreNEURON is vectorised and has the same spikes; it needs a process of its
        own for a network.
    bundle : str or path, optional
        Of the surrogates; the cell's name by default.
    watch : context manager, optional
        Entered for the simulation alone, without set-up.

    Returns
    -------
    cell, t : array, shape (S,)
        Who fired, and when (ms), by time.
    """
    set_up(cell, fast=backend == "coreneuron")
    template = getattr(h, cell.name)
    cells = [template() for _ in range(net.cells)]
    if backend == "surrogate":
        ann_backend.replace(cells, bundle=bundle or cell.name)
    keep = connected(cells, cell, net), driven(cells, cell, net)
    who, when, detectors = recorded(cells)
    h.finitialize(cell.v_init_mV)
    with watch or contextlib.nullcontext():
        if backend == "coreneuron":
            vectorised(detectors)
        else:
            h.continuerun(network.END_MS)
    if backend == "surrogate":
        ann_backend.restore(cells)
    del keep
    return ordered(np.array(who, int), np.array(when))


def ordered(cell, t):
    """Spikes by time, then by cell."""
    order = np.lexsort((cell, t))
    return cell[order], t[order]


def digest(cell, t):
    """What two runs with the same spikes, to the last bit, have in common."""
    raw = np.asarray(cell, "<i8").tobytes() + np.asarray(t, "<f8").tobytes()
    return hashlib.sha256(raw).hexdigest()[:16]


def parser_of(doc):
    """Begin a command line of one network."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--connectivity", type=float, default=0.1)
    parser.add_argument("--drive", type=float, default=600.0, help="inhibition, Hz")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cells", type=network.count, default=network.CELLS)
    parser.add_argument("--cell", choices=network.SHIPPED, default="L5PC")
    parser.add_argument("--bundle", help="name or path; the cell's own by default")
    return parser


def drawn(a):
    """Network and cell of a command line.

    Raises
    ------
    SystemExit
        A connectivity or a drive that cannot be.
    """
    cell = network.SHIPPED[a.cell]
    try:
        net = network.draw(a.connectivity, a.drive, a.seed, cell=cell, cells=a.cells)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    return net, cell


def main():
    """Run one network and print what the study reads from it."""
    parser = parser_of(__doc__)
    parser.add_argument("--backend", choices=BACKENDS, default="neuron")
    a = parser.parse_args()
    net, cell = drawn(a)
    spikes = run(net, cell, backend=a.backend, bundle=a.bundle)
    found = {"spikes": len(spikes[1]), **network.readouts(*spikes, net.cells)}
    print(json.dumps({**found, "digest": digest(*spikes)}, indent=1))


if __name__ == "__main__":
    main()
