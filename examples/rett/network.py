"""One network of the Rett study: everything that is random in it, from one seed.

The study is that of Oláh, Pedersen & Rowan, eLife 11:e79535 (2022): 150 layer 5
pyramidal cells with recurrent excitation, whose connectivity is 10 % in the wild type
and 5.3 to 7.8 % in mice with Rett syndrome. From there: one way with probability p,
reciprocal with 0.5 p and 1.5 times the weight, five proximal sites a connection,
3.6 nS, Tsodyks-Markram plasticity, 1 ms delay, random background inhibition, a 50 nS
stimulus to all cells at 100 ms. What it leaves open is chosen here, each constant in
one place:

- A pair is joined one way, in a random direction, with p, and both ways with 0.5 p:
  that one cell has a synapse on another is then as probable as p says.
- 3.6 nS is the peak of each site, before plasticity. Proximal are the stems and second
  branches of the basal dendrites, some 45 um from the soma or less.
- No cell that is only inhibited fires before the stimulus: background excitation, the
  same in every network, comes to all basal and oblique dendrites. Inhibition comes to
  the soma and the basal dendrites; its rate is the drive of the map. Both are Poisson
  and static, and start at 0 ms.
- The 50 nS are split among 20 contacts at proximal sites, so that each one is a weight
  that a bundle knows; they have no plasticity and arrive at once.
- A network is stable if its cells fire at less than 5 Hz on average before the
  stimulus.
"""

import argparse
import dataclasses

import numpy as np

CELLS = 150
RECIPROCAL = 0.5, 1.5  # times p; times the weight
SITES = 5  # a connection
WEIGHT_uS = 0.0036  # of a site
PLASTICITY = {"U": 0.38, "tau_rec": 365.6, "tau_fac": 25.71}  # ms
DELAY_MS = 1.0
EXCITATION_HZ, EXCITATION_uS = 800.0, 0.002  # of a cell, of an event
INHIBITION_uS = 0.002
STIMULUS_MS, STIMULUS_uS, STIMULUS_CONTACTS = 100.0, 0.05, 20
END_MS = 250.0
RESPONSE_MS = 10.0
STABLE_HZ = 5.0

BASAL = tuple(f"dend[{i}](0.5)" for i in range(42))


@dataclasses.dataclass(frozen=True)
class Cell:
    """What the study has to know of a cell; places are as NEURON writes them.

    Attributes
    ----------
    name : str
        Of a cell that ships, its template and its bundle.
    recurrent, excitation, inhibition : str
        Mechanisms of the connections, the background and the stimulus, and inhibition.
    proximal, excited, inhibited : tuple of str
        Where connections and stimulus, background, and inhibition lie.
    kinetics : dict
        Parameters of a mechanism that are not its defaults.
    """

    name: str = "L5PC"
    recurrent: str = "ann_AMPANMDA"
    excitation: str = "ann_AMPANMDA"
    inhibition: str = "ann_GABAA"
    proximal: tuple[str, ...] = tuple(
        BASAL[7 * tree + branch] for tree in range(6) for branch in (0, 1, 4)
    )
    excited: tuple[str, ...] = (*BASAL, *(f"apic[{i}](0.5)" for i in range(1, 17)))
    inhibited: tuple[str, ...] = ("soma(0.5)", *BASAL)
    kinetics: dict = dataclasses.field(
        default_factory=lambda: {"ann_GABAA": {"tau_decay": 8.0, "e": -80.0}}
    )
    v_init_mV: float = -75.0
    celsius: float = 34.0
    dt_ms: float = 0.05
    secondorder: int = 2

    @property
    def parts(self):
        """Mechanism and places of connections, excitation, stimulus and inhibition."""
        return (
            (self.recurrent, self.proximal),
            (self.excitation, self.excited),
            (self.excitation, self.proximal),
            (self.inhibition, self.inhibited),
        )

    @property
    def places(self):
        """Mechanism and location, of all parts one after the other."""
        return [(mechanism, x) for mechanism, where in self.parts for x in where]


# a point cell, whose bundle ships: for tests, its recurrent synapses inhibit
HH = Cell(
    name="HH",
    recurrent="ann_GABAA",
    excitation="ann_AMPA",
    proximal=("soma(0.5)",),
    excited=("soma(0.5)",),
    inhibited=("soma(0.5)",),
    kinetics={},
    v_init_mV=-65.0,
    celsius=6.3,
    dt_ms=0.025,
    secondorder=0,
)
SHIPPED = {"L5PC": Cell(), "HH": HH}


@dataclasses.dataclass(frozen=True)
class Network:
    """Connections and outside events as arrays.

    Attributes
    ----------
    cells : int
    pre, post, site, weight : array, shape (N,)
        One a site of a connection; `site` is an index of `Cell.places`, `weight` in uS
        as float32 holds it.
    cell, place, weights, t : array, shape (E,)
        Outside events, by the time of arrival (ms); `place` as `site`.
    """

    cells: int
    pre: np.ndarray
    post: np.ndarray
    site: np.ndarray
    weight: np.ndarray
    cell: np.ndarray
    place: np.ndarray
    weights: np.ndarray
    t: np.ndarray


def draw(p, inhibition_Hz, seed, *, cell=SHIPPED["L5PC"], cells=CELLS, background=None):
    """Draw a network.

    Parameters
    ----------
    p : float
        Connectivity, 0 to 2/3.
    inhibition_Hz : float
        Inhibitory events of a cell in a second.
    seed : int
    cell : Cell
    cells : int
    background : int or sequence of int, optional
        Another seed of the outside events, for the same graph.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        A connectivity or a rate that cannot be.
    """
    if not 0 <= p <= 1 / (1 + RECIPROCAL[0]):
        raise ValueError(f"expected a connectivity of 0 to 2/3, got {p:g}")
    if not 0 <= inhibition_Hz < np.inf:
        raise ValueError(f"expected a drive of 0 Hz or more, got {inhibition_Hz:g}")
    rng = np.random.default_rng(seed)
    counts = [len(where) for _, where in cell.parts]
    pre, post, weight = graph(rng, p, cells)
    many = [np.repeat(a, SITES) for a in (pre, post, weight)]
    site = rng.integers(counts[0], size=len(many[0]))
    if background is not None:
        rng = np.random.default_rng(background)
    offsets = np.cumsum(counts)
    parts = [
        poisson(rng, EXCITATION_HZ, EXCITATION_uS, cells, offsets[0], counts[1]),
        stimulus(rng, cells, offsets[1], counts[2]),
        poisson(rng, inhibition_Hz, INHIBITION_uS, cells, offsets[2], counts[3]),
    ]
    events = [np.concatenate(a) for a in zip(*parts, strict=True)]
    order = np.argsort(events[3], kind="stable")
    return Network(cells, many[0], many[1], site, many[2], *(a[order] for a in events))


def count(text):
    """Read a number of something from a command line: 1 or more."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return int(text)


def graph(rng, p, cells):
    """Connections of a network: pre, post, weight (uS) of a site."""
    a, b = np.triu_indices(cells, 1)
    factor, stronger = RECIPROCAL
    chance, turned = rng.random(len(a)), rng.random(len(a)) < 0.5
    both = chance < factor * p
    one = ~both & (chance < (1 + factor) * p)
    pre = np.concatenate([np.where(turned, b, a)[one], a[both], b[both]])
    post = np.concatenate([np.where(turned, a, b)[one], b[both], a[both]])
    weight = np.full(len(pre), WEIGHT_uS)
    weight[one.sum() :] *= stronger
    return pre, post, weight.astype(np.float32).astype(float)


def poisson(rng, rate_Hz, weight_uS, cells, first, places):
    """Background events of all cells: cell, place, weight, time."""
    n = rng.poisson(rate_Hz * END_MS / 1000 * cells)
    return (
        rng.integers(cells, size=n),
        first + rng.integers(places, size=n),
        np.full(n, weight_uS),
        rng.uniform(0, END_MS, n),
    )


def stimulus(rng, cells, first, places):
    """The stimulus of all cells: cell, place, weight, time."""
    n = cells * STIMULUS_CONTACTS
    return (
        np.repeat(np.arange(cells), STIMULUS_CONTACTS),
        first + rng.integers(places, size=n),
        np.full(n, STIMULUS_uS / STIMULUS_CONTACTS),
        np.full(n, STIMULUS_MS),
    )


def readouts(cell, t, cells):
    """What the study reads from a network's spikes.

    Parameters
    ----------
    cell, t : array, shape (S,)
        Who fired, and when (ms).
    cells : int

    Returns
    -------
    dict
        ``baseline_Hz``, the cells' mean rate before the stimulus; ``stable``, whether
        it is below `STABLE_HZ`; ``response``, the fraction of cells that fire within
        `RESPONSE_MS` of the stimulus.
    """
    rate = np.sum(t < STIMULUS_MS) / cells / STIMULUS_MS * 1000
    answer = (t >= STIMULUS_MS) & (t < STIMULUS_MS + RESPONSE_MS)
    return {
        "baseline_Hz": float(rate),
        "stable": bool(rate < STABLE_HZ),
        "response": len(np.unique(cell[answer])) / cells,
    }
