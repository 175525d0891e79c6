"""Descriptions are spelled out on the built cell; what cannot be is refused."""

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from small_cells import Stick

from ann_backend.cli._cell import described
from ann_backend.errors import CellError
from ann_backend.nrn import h
from ann_backend.run.shipped import load_mechanisms
from ann_backend.train.cell import HH, SHIPPED, CellDescription, ChannelDescription
from ann_backend.train.dataset import Request, generate
from ann_backend.train.resolve import resolve, resolve_here
from ann_backend.train.stock import fingerprint

EXAMPLES = Path(__file__).parents[1] / "examples"
KIND = ChannelDescription(
    name="AMPA",
    location="dendrites",
    synapses=(("ExpSyn", {"tau": 2.0, "e": 0.0}),),
    role="excitatory",
    unit_uS=0.0005,
    rate_Hz=20.0,
    tau_ms=(0.3, 2.0, 9.0, 40.0),
)
INHIBITION = dataclasses.replace(
    KIND,
    name="GABA",
    location="dendrites, soma",
    synapses=(("ExpSyn", {"tau": 6.0, "e": -75.0}),),
    role="inhibitory",
)


def clamp(name):
    return dataclasses.replace(
        KIND,
        name=name,
        location="dend[1](0.5)",
        synapses=(("IClamp", {}),),
        role="current",
    )


def at(location):
    return dataclasses.replace(KIND, location=location)


STICK = CellDescription(
    name="Stick", template="small_cells:Stick", channels=(KIND, INHIBITION)
)


@pytest.fixture(scope="module")
def l5pc():
    return resolve(SHIPPED["L5PC"])


def test_a_resolved_description_is_left_alone_and_knows_its_cell(hh):
    assert resolve(hh) is hh
    assert hh.digest == fingerprint(HH)["digest"]
    assert dataclasses.replace(hh, digest="") == HH


def test_the_default_plan_has_a_channel_on_each_dendritic_segment():
    cell = resolve_here(STICK)
    names = [c.name for c in cell.channels]
    assert len(names) == 7 + 8  # 5 + 1 + 1 segments, and the soma
    assert names[0] == "dend[0](0.1) AMPA"
    assert "soma(0.5) GABA" in names
    assert "soma(0.5) AMPA" not in names
    assert not [n for n in names if n.startswith("axon")]


def test_long_dendrites_are_cut_and_twigs_merged():
    cell = resolve_here(STICK)
    # 400 um in three; each twig of 30 um goes to the stretch that it rises from,
    # the second one too, for stretch and twig are still a short pair
    branch = {c.location: c.branch for c in cell.channels}
    assert cell.branch_parents[0] == -1
    assert branch["soma(0.5)"] == 0
    assert branch["dend[0](0.1)"] == 1
    assert branch["dend[0](0.9)"] == 3
    assert all(parent < k for k, parent in enumerate(cell.branch_parents))


def test_distances_are_path_distances_from_the_soma():
    cell = resolve_here(STICK)
    away = {c.location: c.distance_um for c in cell.channels}
    assert away["soma(0.5)"] == 0
    assert away["dend[0](0.1)"] == pytest.approx(10 + 40)
    assert away["dend[2](0.5)"] == pytest.approx(10 + 400 + 15)


def plastic():
    """A stick with a plastic synapse of ours."""
    one = Stick()
    one.synapse = h.ann_GABAA(one.dend[0](0.5))
    one.synapse.U, one.synapse.tau_rec = 0.5, 800
    one.other = h.ExpSyn(one.soma(0.5))
    return one


def test_plasticity_of_a_placed_synapse_is_no_kinetics_of_its_channel():
    load_mechanisms()
    placed = dataclasses.replace(STICK, template="test_cell:plastic", channels=())
    _, channel = resolve_here(placed).channels
    assert channel.synapses[0][1].keys() == {"tau_rise", "tau_decay", "e"}
    assert max(channel.tau_ms) < 50


def test_synapses_that_the_template_placed_become_channels():
    placed = dataclasses.replace(STICK, channels=(), arguments=(True,))
    cell = resolve_here(placed)
    first, second = cell.channels
    assert first.name == "dend[0](0.1) ExpSyn"
    assert first.role == "excitatory"
    assert second.synapses == (("Exp2Syn", {"tau1": 0.5, "tau2": 6.0, "e": -75.0}),)
    assert second.role == "inhibitory"
    assert len(first.tau_ms) == len(second.tau_ms) == 4
    assert {0.5, 6.0} <= set(second.tau_ms)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"template": "small_cells:Shapeless"}, "expected an attribute 'soma'"),
        ({"template": "small_cells:broken"}, "got ValueError: no morphology file"),
        ({"template": "small_cells:nothing"}, "a hoc template or 'module:attribute'"),
        ({"template": "NoSuchTemplate"}, "a hoc template or 'module:attribute'"),
        ({"hoc_file": "no_such.hoc"}, "expected a hoc file that loads"),
        ({"mod_files": ("no_such.mod",)}, "expected its mechanisms at"),
        ({"channels": ()}, "or synapses on the cell, got none"),
        ({"channels": (KIND, KIND)}, "one channel of a name"),
        ({"channels": (INHIBITION,)}, "expected an excitatory or slow channel"),
        ({"channels": (KIND, clamp("a"), clamp("b"))}, "one channel with a current"),
        ({"channels": (at("dend[3](0.5)"),)}, r"a section 'dend\[3\]' for a channel"),
        ({"channels": (at("axon[5](0.5)"),)}, r"a section 'axon\[5\]' for a channel"),
        ({"channels": (at("soma"),)}, r"a location such as .* got 'soma'"),
        ({"channels": (at("soma(1.5)"),)}, r"a location such as .* got 'soma\(1.5\)'"),
        (
            {"template": "small_cells:Namesakes"},
            "of different names, got several 'dend'",
        ),
    ],
)
def test_a_description_that_cannot_be_honoured_is_refused(change, message):
    with pytest.raises(CellError, match=message):
        resolve(dataclasses.replace(STICK, **change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"role": "inhib"},
            "expected a role of excitatory, slow, inhibitory, current, got 'inh",
        ),
        ({"synapses": ()}, r"expected a synapse, \(mechanism, parameters\), got none"),
        ({"tau_ms": (0.0, 2.0)}, r"expected tau_ms above 0, got \(0.0, 2.0\)"),
        ({"tau_ms": ()}, r"expected tau_ms above 0, got \(\)"),
        ({"unit_uS": -0.1}, "expected unit_uS above 0"),
        ({"rate_Hz": float("nan")}, "expected rate_Hz above 0"),
    ],
)
def test_a_channel_that_means_nothing_is_refused(change, message):
    with pytest.raises(CellError, match=f"channel 'AMPA': {message}"):
        dataclasses.replace(KIND, **change)


def test_a_step_that_does_not_go_into_1_ms_is_refused(hh):
    with pytest.raises(CellError, match=r"dt_ms to go into 1 ms.* got 0\.03"):
        dataclasses.replace(HH, dt_ms=0.03)
    with pytest.raises(CellError, match=r"dt_ms to go into 1 ms.* got 0\.03"):
        Request(cell=hh, split="test", seed=0, trials=1, duration_ms=9, dt_ms=0.03)
    with pytest.raises(CellError, match="secondorder 0 or 2, got 1"):
        dataclasses.replace(HH, secondorder=1)


def test_a_cell_that_is_built_otherwise_each_time_is_refused(tmp_path):
    cell = resolve(dataclasses.replace(STICK, template="small_cells:chance"))
    request = Request(cell=cell, split="test", seed=0, trials=1, duration_ms=9)
    with pytest.raises(
        CellError, match=r"the cell that resolve.. saw.*another cell each"
    ):
        generate(request, tmp_path, processes=1, quiet=True)


@pytest.mark.parametrize(
    "synapses",
    [
        (("NoSuchSynapse", {}),),
        (("ExpSyn", {"tua": 2.0}),),
        (("ExpSyn", {"tau": "2"}),),
    ],
)
def test_a_synapse_that_neuron_does_not_have_is_named(synapses, tmp_path):
    kind = dataclasses.replace(KIND, synapses=synapses)
    cell = resolve(dataclasses.replace(STICK, channels=(kind,)))
    request = Request(cell=cell, split="test", seed=0, trials=1, duration_ms=9)
    with pytest.raises(CellError, match=r"AMPA': expected a point process \w+ with"):
        generate(request, tmp_path, processes=1, quiet=True)


def test_the_soma_of_a_placed_synapse_may_have_any_name():
    placed = dataclasses.replace(
        STICK, template="small_cells:Cellbody", channels=(), arguments=()
    )
    (channel,) = resolve_here(placed).channels
    assert channel.location == "soma(0.5)"
    assert channel.branch == 0


def test_a_channel_on_the_dendrites_of_a_cell_without_any_is_refused():
    with pytest.raises(CellError, match="a cell of a soma alone"):
        resolve(dataclasses.replace(HH, channels=(KIND,), branch_parents=()))


def test_l5pc_has_a_hundred_branches_at_most_and_channels_of_two_kinds(l5pc):
    assert 60 <= len(l5pc.branch_parents) <= 100
    roles = [c.role for c in l5pc.channels]
    assert roles.count("excitatory") + 1 == roles.count("inhibitory")
    assert roles[-1] == "current"
    assert 0 < max(c.branch for c in l5pc.channels) < len(l5pc.branch_parents)
    assert len({len(c.tau_ms) for c in l5pc.channels}) == 1


def test_l5pc_is_watched_in_its_basal_and_apical_dendrites(l5pc):
    regions = [site.split("[")[0] for site in l5pc.sites]
    assert len(regions) == 8
    assert min(regions.count("dend"), regions.count("apic")) >= 2


def test_a_file_that_needs_a_package_says_which(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("import no_such_package\n")
    with pytest.raises(CellError, match=r"mine\.py: No module named 'no_such_package'"):
        described(f"{file}:CELL")


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("bmtk") is None,
    reason="needs: pip install --no-deps bmtk==1.2.0",
)
def test_a_cell_that_is_not_ours_gets_its_channels_and_trials(tmp_path):
    cell = resolve(described(f"{EXAMPLES / 'scnn1a.py'}:CELL"))
    assert len(cell.channels) > 200
    assert 10 < len(cell.branch_parents) < 100
    request = Request(cell=cell, split="test", seed=0, trials=4, duration_ms=2000)
    data = generate(request, tmp_path, processes=1, quiet=True)
    assert data.teacher.startswith("CoreNEURON")
    assert sum(len(t.spikes) for t in data.trials) > 0
    assert all(np.isfinite(t.v).all() for t in data.trials)


def test_the_recipe_for_a_downloaded_model_is_a_description(monkeypatch):
    monkeypatch.delenv("HAY2011", raising=False)
    cell = described(f"{EXAMPLES / 'hay2011.py'}:CELL")
    assert (cell.name, cell.template) == ("Hay2011", "hay2011:build")
    with pytest.raises(CellError, match=r"expected hay2011:build.*to build a cell"):
        resolve(cell)
