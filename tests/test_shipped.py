"""load(): the shipped cells' mechanisms and templates."""

import subprocess
import sys

import pytest

import ann_backend
from ann_backend import paths
from ann_backend.errors import CellError
from ann_backend.nrn import h, version


def test_load_defines_the_template_and_its_synapses():
    template = ann_backend.load("HH")
    cell = template()
    assert str(cell).startswith("HH[")
    assert {m.stem for m in paths.mod_dir().glob("*.mod")} >= {
        "ann_AMPA",
        "ann_AMPANMDA",
        "ann_GABAA",
        "ann_NMDA",
    }
    assert h.ann_AMPA(cell.soma(0.5)).tau == 2
    assert str(ann_backend.load("HH")) == str(template)


def test_an_unknown_cell_is_refused():
    with pytest.raises(CellError, match=r"shipped cell \(HH, L5PC\), got 'Nope'"):
        ann_backend.load("Nope")


def test_a_name_that_is_taken_is_refused():
    code = (
        "from neuron import h; import ann_backend; h('begintemplate HH\\n"
        "public soma\\ncreate soma\\nproc init() {}\\nendtemplate HH'); "
        "ann_backend.load('HH')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "'HH' is already defined in NEURON: rename yours" in done.stderr


def test_a_mechanism_that_does_not_compile_shows_the_compilers_words(tmp_path):
    (tmp_path / "broken.mod").write_text(
        "NEURON { SUFFIX broken }\nBREAKPOINT { x = }\n"
    )
    with pytest.raises(
        CellError, match=r"could not compile broken.mod(.|\n)*syntax error"
    ):
        paths.mechanisms([tmp_path / "broken.mod"], version())


def test_mechanisms_are_compiled_once(tmp_path, monkeypatch):
    monkeypatch.setenv("ANN_BACKEND_CACHE", str(tmp_path))
    files = sorted(paths.mod_dir().glob("*.mod"))
    library = paths.mechanisms(files, version())
    stamp = library.stat().st_mtime_ns
    assert paths.mechanisms(files, version()) == library
    assert library.stat().st_mtime_ns == stamp
    assert [p.name for p in tmp_path.iterdir()] == [library.parent.name]
