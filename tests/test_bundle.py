"""A bundle is loaded whole, or refused with a message."""

import json
import subprocess
import sys

import numpy as np
import pytest
import random_network
import safetensors.numpy
from random_network import TREE

from ann_backend import bundle
from ann_backend.errors import BundleError
from ann_backend.manifest import canonical, digest


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("bundle") / "random.safetensors"
    return bundle.save(file, random_network.manifest(), random_network.tensors())


@pytest.fixture
def scratch(tmp_path):
    return tmp_path / "changed.safetensors"


def forge(scratch, path, change):
    """Write a bundle with its manifest changed, and every hash right."""
    raw = path.read_bytes()
    named = safetensors.numpy.load(raw)
    text = bundle.load(path).manifest.model_dump_json()
    document = json.loads(text)
    change(document)
    document["manifest_sha256"] = digest(document)
    scratch.write_bytes(
        bundle._header(canonical(document), named)
        + b"".join(named[name].tobytes() for name in sorted(named))
    )


def rewrite(scratch, path, old, new):
    """Replace equally long bytes of a bundle, as an editor would."""
    raw = path.read_bytes()
    assert len(old) == len(new)
    assert raw.count(old) >= 1
    scratch.write_bytes(raw.replace(old, new, 1))


def test_round_trip_is_bit_exact(path):
    loaded = bundle.load(path)
    expected = random_network.tensors()
    assert loaded.tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        assert loaded.tensors[name].dtype == np.float32
        assert loaded.tensors[name].shape == tensor.shape
        assert loaded.tensors[name].tobytes() == tensor.tobytes()
    hashes = {"tensors_sha256": "", "manifest_sha256": ""}
    assert loaded.manifest.model_copy(update=hashes) == random_network.manifest()


def test_saving_again_gives_the_same_file(path, scratch):
    loaded = bundle.load(path)
    bundle.save(scratch, loaded.manifest, loaded.tensors)
    assert scratch.read_bytes() == path.read_bytes()


def test_any_safetensors_reader_can_open_it(path):
    assert safetensors.numpy.load_file(path).keys() == random_network.tensors().keys()


def test_loaded_tensors_are_read_only(path):
    with pytest.raises(ValueError, match="read-only"):
        bundle.load(path).tensors["tau"][0] = 1


def test_loads_without_torch(path):
    code = (
        "import sys; from ann_backend import bundle; bundle.load(sys.argv[1]); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


@pytest.mark.parametrize("sixteenth", range(16))
def test_truncated_file_is_refused(path, scratch, sixteenth):
    raw = path.read_bytes()
    scratch.write_bytes(raw[: len(raw) * sixteenth // 16])
    with pytest.raises(BundleError, match=r"changed\.safetensors: expected a whole"):
        bundle.load(scratch)


def test_every_flipped_byte_of_the_header_is_refused(path, scratch):
    raw = path.read_bytes()
    header = 8 + int.from_bytes(raw[:8], "little")
    assert_flips_refused(raw, scratch, range(header))


def test_flipped_bytes_of_the_tensors_are_refused(path, scratch):
    raw = path.read_bytes()
    header = 8 + int.from_bytes(raw[:8], "little")
    positions = [*range(header, len(raw), 97), len(raw) - 1]
    assert_flips_refused(raw, scratch, positions)


def assert_flips_refused(raw, scratch, positions):
    for position in positions:
        changed = bytearray(raw)
        changed[position] ^= (0x01, 0x20, 0x80)[position % 3]
        scratch.write_bytes(changed)
        with pytest.raises(BundleError, match=r"changed\.safetensors"):
            bundle.load(scratch)


def test_trailing_bytes_are_refused(path, scratch):
    scratch.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BundleError, match="expected a whole safetensors file"):
        bundle.load(scratch)


def test_header_that_lies_about_its_length_is_refused(path, scratch):
    raw = path.read_bytes()
    for length in (0, 7, 2**31, 2**63, 2**64 - 1):
        scratch.write_bytes(length.to_bytes(8, "little") + raw[8:])
        with pytest.raises(BundleError, match="expected a whole safetensors file"):
            bundle.load(scratch)


def test_header_that_lies_about_a_shape_is_refused(path, scratch):
    rewrite(scratch, path, b'"shape":[24,96]', b'"shape":[96,24]')
    with pytest.raises(
        BundleError, match=r"float32 \(24, 96\) .*got float32 \(96, 24\)"
    ):
        bundle.load(scratch)


def test_edited_manifest_is_refused(path, scratch):
    rewrite(scratch, path, b'hazard_threshold\\":0.9', b'hazard_threshold\\":0.8')
    with pytest.raises(
        BundleError, match=r"matches its SHA-256.*damaged or was edited"
    ):
        bundle.load(scratch)


def test_newer_version_says_upgrade(path, scratch):
    forge(scratch, path, lambda document: document.update(version=5))
    with pytest.raises(BundleError, match="made by a newer ann_backend: upgrade"):
        bundle.load(scratch)


@pytest.mark.parametrize("version", [1, 0, -1, "2", None, 2.0, True])
def test_other_versions_are_refused_by_name(path, scratch, version):
    forge(scratch, path, lambda document: document.update(version=version))
    message = rf"version 4, got version {version!r}; train it again, or use the"
    with pytest.raises(BundleError, match=message):
        bundle.load(scratch)


def test_branches_must_be_of_one_size(path, scratch):
    forge(scratch, path, lambda document: document["sizes"].update(branches=4))
    with pytest.raises(BundleError, match=r"got 6 groups in 4 branches"):
        bundle.load(scratch)


def test_a_bundle_may_have_no_mix(scratch):
    bundle.save(scratch, random_network.manifest(P=0), random_network.tensors(P=0))
    assert "mix_w" not in bundle.load(scratch).tensors


def save_tree(scratch, **changed):
    named = random_network.tensors(parents=TREE)
    for name, (index, value) in changed.items():
        named[name][index] = value
    return bundle.save(scratch, random_network.manifest(parents=TREE), named)


def test_a_bundle_may_have_a_tree(scratch):
    loaded = bundle.load(save_tree(scratch))
    assert loaded.manifest.sizes.parents == list(TREE)
    assert loaded.tensors["mix_w"].shape == (6, 10)
    assert loaded.engine(2).rows == 2


def test_a_bundle_may_hear_its_own_spikes(scratch):
    named = random_network.tensors(C=4)
    bundle.save(scratch, random_network.manifest(feedback=True), named)
    loaded = bundle.load(scratch)
    assert len(loaded.manifest.channels) == loaded.engine().channels == 3
    with pytest.raises(BundleError, match=r"float32 \(4, 6\) for tensor 'embedding'"):
        bundle.save(scratch, loaded.manifest, random_network.tensors(C=3))


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ([-1, 0], "a parent for each of 6 branches, or none, got 2"),
        ([0, 0, 1, 1, 0, 4], "the parent of branch 0 to be -1, got 0"),
        ([-1, 0, 2, 1, 0, 4], r"the parent of branch 2 to be in 0 \.\. 1, got 2"),
        ([-1, 0, 1, -1, 0, 4], r"the parent of branch 3 to be in 0 \.\. 2, got -1"),
        ([], r"missing or extra \['cable', 'gate', 'reversal'\]"),
    ],
)
def test_parents_that_are_no_tree_are_refused(scratch, parents, message):
    save_tree(scratch)
    forge(scratch, scratch, lambda document: document["sizes"].update(parents=parents))
    with pytest.raises(BundleError, match=message):
        bundle.load(scratch)


@pytest.mark.parametrize(
    ("name", "index", "value", "message"),
    [
        ("gate", (2, 0, 0), 0, r"rates above 0 and up to 1 in 'gate'\[2\], got 0"),
        ("gate", (2, 0, 0), 2, r"rates above 0 and up to 1 in 'gate'\[2\], got 2"),
        ("cable", (0, 1), -1, r"charges of 0 or more in 'cable'\[0\], got -1"),
        ("cable", (1, 1), 0, r"conductances above 0 in 'cable'\[1\], got 0"),
        ("cable", (2, 1), -1, r"of 0 or more in 'cable'\[2\], got -1"),
        ("cable", (2, 0), 1, r"of the root in 'cable'\[2\], got 1"),
    ],
)
def test_a_cable_that_has_no_solution_is_refused(scratch, name, index, value, message):
    with pytest.raises(BundleError, match=message):
        save_tree(scratch, **{name: (index, value)})


def test_foreign_safetensors_file_is_refused(scratch):
    safetensors.numpy.save_file({"weight": np.zeros(3, np.float32)}, scratch)
    with pytest.raises(BundleError, match=r"metadata key 'ann_backend'"):
        bundle.load(scratch)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "nonsense", '{"format":"other"}'])
def test_foreign_manifest_is_refused(scratch, text):
    metadata = {"ann_backend": text}
    safetensors.numpy.save_file({"w": np.zeros(3, np.float32)}, scratch, metadata)
    with pytest.raises(BundleError, match="manifest"):
        bundle.load(scratch)


def test_unknown_field_is_refused(path, scratch):
    forge(scratch, path, lambda document: document.update(colour="red"))
    with pytest.raises(BundleError, match="colour: Extra inputs are not permitted"):
        bundle.load(scratch)


def test_missing_field_is_refused(path, scratch):
    forge(scratch, path, lambda document: document["readout"].pop("clip_mV"))
    with pytest.raises(BundleError, match=r"readout\.clip_mV: Field required"):
        bundle.load(scratch)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"none\.safetensors.*No such file"):
        bundle.load(tmp_path / "none.safetensors")


def test_directory_is_refused(tmp_path):
    with pytest.raises(BundleError, match="expected a readable bundle file"):
        bundle.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tau", np.zeros((6, 4), np.float32), "time constants above 0 ms"),
        ("tau", np.ones((6, 5), np.float32), r"float32 \(6, 4\) for tensor 'tau'"),
        ("tau", np.ones((6, 4)), "got float64"),
        ("mix_b", np.full(10, np.nan, np.float32), "finite values in 'mix_b'"),
        ("extra", np.ones(1, np.float32), r"missing or extra \['extra'\]"),
    ],
)
def test_save_refuses_tensors_that_do_not_fit(scratch, name, value, message):
    named = {**random_network.tensors(), name: value}
    with pytest.raises(BundleError, match=message):
        bundle.save(scratch, random_network.manifest(), named)
    assert not scratch.exists()


def test_save_refuses_numbers_that_are_not_finite(scratch):
    odd = random_network.manifest().model_copy(
        update={"fidelity": {"f1": float("nan")}}
    )
    with pytest.raises(BundleError, match="a manifest of finite numbers"):
        bundle.save(scratch, odd, random_network.tensors())


def test_failed_save_leaves_the_old_file(scratch, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    scratch.write_bytes(b"old")
    monkeypatch.setattr(bundle.Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        bundle.save(scratch, random_network.manifest(), random_network.tensors())
    assert scratch.read_bytes() == b"old"
    assert [file.name for file in scratch.parent.iterdir()] == [scratch.name]
