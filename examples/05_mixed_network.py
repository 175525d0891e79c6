"""A network of replaced pyramidal cells and biophysical interneurons, and its balance.

Runs it as NEURON has it, replaces the pyramidal cells in one line, runs it again, and
prints the rates of both kinds of cells and what excitation and inhibition reach a
pyramidal cell. `--plot PNG` draws the spikes; `--cell L5PC` takes cells with dendrites.
"""

import argparse
import math
import random

from neuron import h

import ann_backend

# What differs between the cells that ship: sections with synapses, their mechanism,
# the interneurons' membrane (S/cm2), weights (uS) and the background's rate (Hz).
HH = {
    "excited": lambda cell: [cell.soma],
    "inhibited": lambda cell: [cell.soma],
    "excitation": "ann_AMPA",
    "kinetics": {},
    "settings": {"v_init": -65, "celsius": 6.3, "dt": 0.025, "secondorder": 0},
    "threshold": {"E": 0, "I": 0},
    "membrane": {"hh": {}},
    "weights": {"E": 0.0015, "I": 0.001, "EE": 0.0008, "EI": 0.0015, "IE": 0.003},
    "background": 200,
}
L5PC = {
    "excited": lambda cell: [*cell.dend, *list(cell.apic)[1:17]],  # basal and oblique
    "inhibited": lambda cell: [cell.soma, *cell.dend],
    "excitation": "ann_AMPANMDA",
    "kinetics": {"tau_decay": 8, "e": -80},
    "settings": {"v_init": -75, "celsius": 34, "dt": 0.05, "secondorder": 2},
    "threshold": {"E": 0, "I": -20},  # the bundle's; the interneurons' spikes are small
    "membrane": {"ann_NaT": {"gbar": 0.5}, "ann_Kv31": {"gbar": 0.3}, "pas": {}},
    "weights": {"E": 0.002, "I": 0.0015, "EE": 0.002, "EI": 0.001, "IE": 0.002},
    "background": 1000,
}
CELLS = {"HH": HH, "L5PC": L5PC}
PYRAMIDS, INTERNEURONS = 32, 8
# How many a cell hears: pyramids of pyramids, interneurons of pyramids, ...
HEARD = {"EE": 6, "EI": 10, "IE": 4, "II": 2}


class Network:
    """Cells in lists `E` and `I`, joined at random; any of them may be replaced."""

    def __init__(self, name, seed=1):
        self.made = CELLS[name]
        template = ann_backend.load(name)
        for setting, value in self.made["settings"].items():
            setattr(h, setting, value)
        self.random, self.seed = random.Random(seed), seed
        self.E = [template() for _ in range(PYRAMIDS)]
        self.I = [self.interneuron(k) for k in range(INTERNEURONS)]
        self.weights = {"II": self.made["weights"]["IE"] / 3, **self.made["weights"]}
        self.keep, self.stims, self.spikes, self.heard = [], [], {}, {}
        for kind, somas in (("E", [c.soma for c in self.E]), ("I", self.I)):
            self.spikes[kind] = [self.recorded(kind, soma) for soma in somas]
            for k, soma in enumerate(somas):
                self.drive(kind, k, soma)
        for kind, count in HEARD.items():
            self.join(*kind, count)

    def interneuron(self, k):
        """A single compartment with the fast channels of its network's settings."""
        soma = h.Section(name=f"interneuron{k}")
        soma.L = soma.diam = 15
        for mechanism, values in self.made["membrane"].items():
            soma.insert(mechanism)
            for parameter, value in values.items():
                setattr(soma, f"{parameter}_{mechanism}", value)
        return soma

    def recorded(self, kind, soma):
        """Spike times to come."""
        times, netcon = h.Vector(), h.NetCon(soma(0.5)._ref_v, None, sec=soma)
        netcon.threshold = self.made["threshold"][kind]
        netcon.record(times)
        self.keep.append(netcon)
        return times

    def synapse(self, kind, k, inhibits):
        """A synapse somewhere on a cell; interneurons have theirs on the soma."""
        if kind == "I":
            mechanism = h.ann_GABAA if inhibits else h.ann_AMPA
            return mechanism(self.I[k](0.5))
        places = self.made["inhibited" if inhibits else "excited"](self.E[k])
        section = self.random.choice(places)
        if not inhibits:
            return getattr(h, self.made["excitation"])(section(0.5))
        made = h.ann_GABAA(section(0.5))
        for parameter, value in self.made["kinetics"].items():
            setattr(made, parameter, value)
        return made

    def drive(self, kind, k, soma):
        """Poisson background; pyramids receive it at several places."""
        places = self.made["excited"](self.E[k]) if kind == "E" else [soma]
        share = min(10, len(places))
        for j in range(share):
            stim = h.NetStim()
            stim.start, stim.number, stim.noise = 0, 1e9, 1
            stim.interval = 1000 * share / self.made["background"]
            stim.noiseFromRandom123(self.seed, len(self.stims), j)
            synapse = self.synapse(kind, k, inhibits=False)
            netcon = h.NetCon(stim, synapse)
            netcon.weight[0], netcon.delay = self.made["weights"][kind], 1
            self.stims.append(stim)
            self.keep += [synapse, netcon]

    def join(self, pre, post, count):
        """Each cell of kind `post` hears `count` cells of kind `pre`."""
        somas = [c.soma for c in self.E] if pre == "E" else self.I
        for k in range(len(getattr(self, post))):
            others = [s for s in range(len(somas)) if (pre, s) != (post, k)]
            self.heard[pre, post, k] = self.random.sample(others, count)
            for source in self.heard[pre, post, k]:
                synapse = self.synapse(post, k, inhibits=pre == "I")
                soma = somas[source]
                netcon = h.NetCon(soma(0.5)._ref_v, synapse, sec=soma)
                netcon.threshold = self.made["threshold"][pre]
                netcon.weight[0] = self.weights[pre + post]
                netcon.delay = 1 + 2 * self.random.random()
                self.keep += [synapse, netcon]

    def run(self, seconds):
        """The same background each time; rates in Hz, drive in nS a ms."""
        for stim in self.stims:
            stim.seed(1)
        h.finitialize(self.made["settings"]["v_init"])
        h.continuerun(1000 * seconds)
        return self.result(seconds)

    def result(self, seconds):
        """Mean rates, and weights of the events that reach a pyramid in a ms."""
        per_s = {
            kind: [len(t) / seconds for t in ts] for kind, ts in self.spikes.items()
        }
        rate = {kind: sum(rates) / len(rates) for kind, rates in per_s.items()}
        arrive = {
            pre: self.weights[pre + "E"]
            * sum(
                per_s[pre][s] for k in range(PYRAMIDS) for s in self.heard[pre, "E", k]
            )
            / PYRAMIDS
            for pre in "EI"
        }
        arrive["E"] += self.made["background"] * self.made["weights"]["E"]
        return {
            "pyramids (Hz)": rate["E"],
            "interneurons (Hz)": rate["I"],
            "excitation (nS/ms)": arrive["E"],
            "inhibition (nS/ms)": arrive["I"],
            "excitation / inhibition": arrive["E"] / arrive["I"]
            if arrive["I"]
            else math.nan,
        }

    def trains(self):
        """Spike times of all cells, pyramids first."""
        return [list(times) for kind in "EI" for times in self.spikes[kind]]


def draw(path, trains):
    """Spikes of the first second, all NEURON above, mixed below."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 1, sharex=True, figsize=(8, 6))
    colours = ["tab:red"] * PYRAMIDS + ["tab:blue"] * INTERNEURONS
    for axis, (name, times) in zip(axes, trains.items(), strict=True):
        axis.eventplot(times, colors=colours, linelengths=0.8)
        axis.set(title=name, ylabel="cell", xlim=(0, 1000))
    axes[1].set_xlabel("ms; red: pyramidal cells, blue: interneurons")
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main():
    """Compare both networks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", choices=CELLS, default="HH")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", metavar="PNG")
    a = parser.parse_args()
    network = Network(a.cell, a.seed)
    neuron, trains = network.run(a.seconds), {"all NEURON": network.trains()}

    ann_backend.replace(network.E)  # the one line

    mixed, trains["mixed"] = network.run(a.seconds), network.trains()
    print(f"{PYRAMIDS} pyramidal cells, {INTERNEURONS} interneurons, {a.seconds:g} s")
    print(f"{'':24}{'all NEURON':>12}{'mixed':>12}{'error':>9}")
    for name, value in neuron.items():
        error = 100 * (mixed[name] / value - 1) if value else math.nan
        print(f"{name:24}{value:12.3f}{mixed[name]:12.3f}{error:+8.2f}%")
    if a.plot:
        draw(a.plot, trains)


if __name__ == "__main__":
    h.load_file("stdrun.hoc")
    main()
