"""The tree of conductances in training: C++ against torch, and its beginning."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import small_cells

torch = pytest.importorskip("torch")

from ann_backend.train import axon, build, cable, tree  # noqa: E402
from ann_backend.train.cell import SHIPPED  # noqa: E402
from ann_backend.train.events import Events  # noqa: E402
from ann_backend.train.export import Spiking, runner  # noqa: E402
from ann_backend.train.free_run import free_run  # noqa: E402
from ann_backend.train.groups import Groups  # noqa: E402
from ann_backend.train.input import Input  # noqa: E402
from ann_backend.train.model import OUTPUTS, Network  # noqa: E402
from ann_backend.train.resolve import resolve  # noqa: E402
from ann_backend.train.shape import UNIT_MV, Shape  # noqa: E402
from ann_backend.train.tensors import take, tensors  # noqa: E402

NAMES = ("gate", "reversal", "cable", "u")
CHAIN = [-1, 0, 1, 2, 3]
STAR = [-1, 0, 0, 0, 0]
BUSH = [-1, 0, 0, 1, 1, 3, 2]


def case(parents, rows, bins=30, seed=1):
    """Inputs of a random tree, by name, float32."""
    rng = np.random.default_rng(seed)
    N, U = len(parents), 3

    def some(low, high, *shape):
        return torch.from_numpy(rng.uniform(low, high, shape).astype(np.float32))

    gate = [some(-2, 2, N, U), some(-1, 1, N, U), some(0.05, 1, N, U)]
    gate = torch.stack([*gate, some(-2, 2, N, U), some(-1, 1, N, U)])
    load = some(1.2, 2, N)
    axial = some(0.5, 3, N)
    axial[0] = 0.0
    return {
        "gate": gate,
        "reversal": some(-1, 7, N, U),
        "cable": torch.stack([load - 0.2, load, axial, some(-0.1, 0.1, N)]),
        "u": torch.relu(some(-1, 1, N, U, bins, rows)),
        "v": some(-1, 1, N, rows),
        "q": some(0, 1, N, U, rows),
    }


def in_torch(parents, gate, reversal, cable, u, v, q):
    return tree.course(tree.Steps(parents, gate, reversal, cable), u, v, q)


def both(parents, given):
    """Voltages, gates and gradients, in C++ and in torch."""
    found = []
    index = torch.tensor(parents, dtype=torch.int32)
    for run in (
        lambda *x: tree._Course.apply(index, *x),
        lambda *x: in_torch(parents, *x),
    ):
        leaves = {k: v.clone().requires_grad_(k in NAMES) for k, v in given.items()}
        v, q = run(*leaves.values())
        weight = torch.linspace(-1, 1, v.numel()).view(v.shape)
        gradients = torch.autograd.grad((v * weight).sum(), [leaves[n] for n in NAMES])
        found.append((v.detach(), q, *gradients))
    return found


@pytest.mark.parametrize("rows", [1, 5, 8, 70])
@pytest.mark.parametrize("parents", [[-1], CHAIN, STAR, BUSH])
def test_the_window_and_its_gradients_equal_torchs(parents, rows):
    for ours, theirs in zip(*both(parents, case(parents, rows)), strict=True):
        scale = theirs.abs().max()
        assert (ours - theirs).abs().max() <= 2e-5 * scale + 1e-6


def test_gradients_are_the_slopes_of_the_loss():
    given = {k: v.double() for k, v in case(BUSH, 2, bins=6).items()}
    leaves = [x.requires_grad_(k in NAMES) for k, x in given.items()]
    torch.autograd.gradcheck(lambda *x: in_torch(BUSH, *x)[0], leaves)


def test_two_windows_are_one():
    given = case(BUSH, 8, bins=40)
    whole = both(BUSH, given)[0][0]
    early = {**given, "u": given["u"][:, :, :25].contiguous()}
    first, q, *_ = both(BUSH, early)[0]
    late = {**given, "u": given["u"][:, :, 25:].contiguous(), "v": first[:, -1], "q": q}
    torch.testing.assert_close(torch.cat([first, both(BUSH, late)[0][0]], 1), whole)


def test_what_does_not_fit_is_refused():
    given = [x.numpy() for x in case(BUSH, 2).values()]
    for parents in ([-1, 0], [-1, 0, 0, 4, 1, 3, 2], [-1, -1, 0, 1, 1, 3, 2]):
        with pytest.raises(ValueError, match=r"expected|fit"):
            tree._train.forward(np.array(parents, np.int32), *given)


@pytest.fixture(scope="module")
def cell():
    return resolve(SHIPPED["L5PC"])


@pytest.fixture(scope="module")
def measured(cell):
    return cable.cable(cell)


def test_the_cable_is_the_cells(cell, measured):
    assert measured.parents == cell.branch_parents
    assert min(measured.capacitance_pF.min(), measured.intrinsic.leak_nS.min()) > 0
    assert measured.axial_nS[0] == 0
    assert measured.axial_nS[1:].min() > 0
    # the cell's membrane: 30,769 um2, of 1 uF/cm2 and, on dendrites, 2
    assert 300 < measured.capacitance_pF.sum() < 620


def test_the_cable_of_cylinders_is_that_of_the_textbook():
    found = cable.cable(resolve(small_cells.STICK))
    # membrane, um2: soma, dendrite, two twigs; the axon is the soma's
    area = np.pi * np.array([20.0 * 20 + 100 * 500, 2.0 * 400 + 2 * 2 * 30])
    assert found.capacitance_pF[0] == pytest.approx(area[0] * 1e-2)
    assert found.capacitance_pF.sum() == pytest.approx(area.sum() * 1e-2)
    # 35.4 ohm cm; from the soma's middle to 120 um, and from there to 200 um
    ohm_um = 35.4e4
    along = [(10 / (np.pi * 100), 120 / np.pi), (80 / np.pi,)]
    wanted = [1e9 / (ohm_um * sum(parts)) for parts in along]
    np.testing.assert_allclose(found.axial_nS[1:3], wanted, rtol=1e-5)


def test_a_synapse_begins_with_its_own_peak_conductance(cell, measured):
    groups = Groups.plan(cell.channels, 1)
    units = cable.units(cell, cell.channels, groups, measured.intrinsic)
    excitatory = next(k for k, c in enumerate(cell.channels) if c.role == "excitatory")
    group = int(groups.of[excitatory, 0])
    branch, slot = divmod(group, len(groups.tau) // groups.branches)
    t = np.arange(0.0, 30.0, 0.01)
    courses = np.exp(-t[:, None] / groups.tau[group])
    ampa, nmda, *_ = (courses @ units.weight[branch, 4 * slot : 4 * slot + 4]).T
    assert units.gate[1, branch, 0] == 0  # AMPA's gate stands half open
    assert 0.5 * ampa.max() == pytest.approx(1.0, rel=1e-3)  # nS
    assert nmda.max() == pytest.approx(0.71, rel=1e-3)


@pytest.mark.parametrize(
    "parameters", [{"e": 0.0}, {"tau": 50.0}, {"tau_rise": 2.0, "tau_decay": 65.0}]
)
def test_a_receptor_that_is_all_nmda_has_one_course(cell, parameters):
    kind = dataclasses.replace(cell.channels[0], synapses=(("ann_NMDA", parameters),))
    (course,) = cable._conductances(kind)
    assert course[2]


def test_a_network_rests_near_the_cell_and_excitation_depolarises_it(cell, measured):
    torch.manual_seed(1)
    network = Network(cell, Shape(hidden=4, mix=3, layers=1, head=3), measured)
    groups = Groups.plan(cell.channels, 1)
    excitatory = groups.of[[c.role == "excitatory" for c in cell.channels]][::4, 0]
    channel = np.flatnonzero(np.isin(groups.of[:, 0], excitatory))
    bins, rows = 100, 2
    rng = np.random.default_rng(1)
    n = 4000
    x = Input(
        torch.from_numpy(np.sort(rng.integers(0, bins, n)) * rows),  # the first row
        torch.from_numpy(rng.choice(channel, n)),
        torch.full((n,), 0.001),
        torch.full((n,), 0.5),
        bins,
        rows,
    )
    state = network.start(rows)
    with torch.no_grad():
        _, after = network(x, state)
    driven, silent = (after.v * UNIT_MV).T
    soma, everywhere = build.apart(small_cells.rest, cell, bins)
    assert silent[0] == pytest.approx(soma - cell.v_init_mV, abs=1.0)
    assert silent.max() == pytest.approx(max(everywhere) - cell.v_init_mV, abs=2.0)
    assert driven[0] > silent[0] + 3
    assert driven.max() < 75


def test_the_tree_s_soma_is_shown_before_the_sites(cell, measured):
    network = Network(cell, Shape(hidden=8, mix=8, layers=1, head=8), measured)
    events = Events(np.array([1.5]), np.zeros(1, np.int16), np.full(1, 0.01, "f4"))
    with torch.no_grad():
        network.sites.weight.zero_()
        network.sites.bias.zero_()
        y, after = network(Input.of([events], 0, 20), network.start(1))
    branches = [0, *measured.sites]
    assert y.shape[-1] == OUTPUTS + len(branches)
    assert torch.equal(y[-1, 0, OUTPUTS:], after.v[branches, 0])


def test_the_engine_hears_in_every_branch_what_torch_does(cell, measured):
    torch.manual_seed(1)
    network = Network(cell, Shape(hidden=16, mix=16, layers=1, head=16), measured)
    with torch.no_grad():  # the dendrites' units begin deaf to spikes
        network.branch_w.add_(0.1 * torch.rand_like(network.branch_w))
        network.head2.weight[0] *= 5.0
        network.head2.bias[0] = 0.0
    bins, rng, n = 300, np.random.default_rng(1), 3000
    channel = rng.integers(0, len(cell.channels), n).astype(np.int16)
    times, weight = np.sort(rng.uniform(0, bins, n)), np.full(n, 0.001, np.float32)
    given = Events(times, channel, weight)
    ran = free_run(
        runner(network, cell, Spiking(0.5, 3.0, 2.0)), [given], bins, quiet=True
    )
    assert len(ran.spikes[0]) > 10

    def hazard(events):
        with torch.no_grad():
            y, _ = network(Input.of([events], 0, bins), network.start(1))
        return torch.sigmoid(y[:, 0, 0]).numpy()

    heard = axon.heard(cell, given, ran.spikes[0])
    np.testing.assert_allclose(ran.hazard[0], hazard(heard), rtol=1e-3, atol=1e-6)
    own = heard.channel >= len(cell.channels)
    kept = ~own | (heard.channel == len(axon.channels(cell)) - 1)
    only = Events(heard.t[kept], heard.channel[kept], heard.weight[kept])
    assert np.abs(ran.hazard[0] - hazard(only)).max() > 0.01


def test_training_begins_with_a_bundle_s_own_spikes_in_every_branch(cell, measured):
    shape = Shape(hidden=4, mix=3, layers=1, head=3)
    torch.manual_seed(1)
    first, second = (Network(cell, shape, measured) for _ in range(2))
    with torch.no_grad():
        first.log_embedding.add_(torch.randn_like(first.log_embedding))
        first.branch_w.add_(0.1 * torch.rand_like(first.branch_w))
    named = tensors(first)
    manifest = SimpleNamespace(name="first", channels=cell.channels)
    given = SimpleNamespace(tensors=named, manifest=manifest)
    take(second, given, cell)
    for name, array in tensors(second).items():
        np.testing.assert_allclose(array, named[name], rtol=1e-5, atol=1e-6)


def test_training_on_revives_the_conductances_that_have_died(cell, measured):
    tree = Network(cell, Shape(hidden=4, mix=3, layers=1, head=3), measured).tree
    found = tree.log_intrinsic.detach().clone()
    with torch.no_grad():
        tree.log_intrinsic[0] -= 5.0
        tree.log_intrinsic[1] -= 1.0
        kept = tree.log_intrinsic.detach().clone()
    tree.revive()
    assert torch.equal(tree.log_intrinsic[0], found[0])
    assert torch.equal(tree.log_intrinsic[1:], kept[1:])


def test_a_soma_may_have_no_channels():
    stick = resolve(small_cells.STICK)
    network = Network(
        stick, Shape(hidden=4, mix=3, layers=1, head=3), cable.cable(stick)
    )
    assert network.branches == len(stick.branch_parents) + 1
    assert min(c.branch for c in stick.channels) == 1
    silence = Events(np.empty(0), np.empty(0, np.int16), np.empty(0, np.float32))
    with torch.no_grad():
        y, _ = network(Input.of([silence], 0, 50), network.start(1))
    assert torch.isfinite(y).all()
