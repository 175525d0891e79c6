"""Arrays that stay on a GPU, and arrays that come from one."""

import gc

import numpy as np
import pytest
from random_network import NO_TREE, ON_GPU, TREE, engine, event, networks, on_gpu
from reference import run, trials

from ann_backend import _engine

WHERE = ["float32-host", pytest.param("float32", marks=ON_GPU)]
BINS = 37  # the ring of three bins does not end where it began


class Host:
    """Memory of the host that is told of as a GPU's would be."""

    def __init__(self, array):
        about = dict(array.__cuda_array_interface__)
        assert about.pop("stream") is None
        self.__array_interface__ = about


def seen(surrogate, variant, name):
    array = surrogate.on_device(name)
    if variant == "float32-host":
        return np.asarray(Host(array))
    return pytest.importorskip("cupy").asarray(array).get()


def stepped(variant, parents):
    surrogate = engine(21, variant=variant, parents=parents)
    return surrogate, run(surrogate, trials(21, BINS))


@networks
@pytest.mark.parametrize("variant", WHERE)
def test_results_of_the_last_bin_are_there(variant, parents):
    surrogate, (outputs, v, spikes) = stepped(variant, parents)
    np.testing.assert_array_equal(seen(surrogate, variant, "v"), v[-1])
    np.testing.assert_array_equal(seen(surrogate, variant, "outputs"), outputs[-1])
    found = seen(surrogate, variant, "spike")
    last = {row: t for row, t in spikes if t >= BINS - 1}
    assert {r: found[r] for r in np.flatnonzero(~np.isnan(found))} == last


@networks
@pytest.mark.parametrize("variant", WHERE)
def test_what_rows_remember_is_what_is_saved(variant, parents):
    surrogate, _ = stepped(variant, parents)
    saved = surrogate.save()
    wanted = {
        "traces": saved["traces"].reshape(21, 3, 24)[:, 0],
        "lstm": saved["lstm"].reshape(21, 2, 2, 24),
        "hazard": saved["hazard"],
        "last_spike": saved["last_spike"],
    }
    if parents:
        wanted["branch_v"] = saved["v"].reshape(21, len(parents))
    for name, array in wanted.items():
        found = seen(surrogate, variant, name)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array, err_msg=name)


@pytest.mark.parametrize("variant", WHERE)
def test_before_the_first_bin_there_is_no_spike(variant):
    surrogate, _ = stepped(variant, NO_TREE)
    surrogate.reset()
    for name in ("spike", "v"):
        assert np.isnan(seen(surrogate, variant, name)).all()


def test_an_array_that_is_not_there_is_refused_by_name():
    with pytest.raises(_engine.InputError, match=r"expected one of v, .* got 'h'"):
        engine(1, variant="float32-host").on_device("h")
    with pytest.raises(_engine.InputError, match=r"of a tree.* got 'branch_v'"):
        engine(1, variant="float32-host", parents=NO_TREE).on_device("branch_v")
    assert engine(1, variant="float32-host", parents=TREE).on_device("branch_v")


def test_rows_on_the_cpu_hand_out_no_array_of_a_gpu():
    with pytest.raises(_engine.InputError, match=r"backend 'cuda'.* 'v' .* save\(\)"):
        engine(1).on_device("v")


def test_an_array_outlives_the_name_of_its_engine():
    array = engine(3, variant="float32-host").on_device("hazard")
    np.testing.assert_array_equal(np.asarray(Host(array)), np.zeros(3, np.float32))


@networks
@pytest.mark.parametrize("name", ["v", "spike", "lstm", "traces", "hazard"])
def test_dlpack_tells_of_the_same_memory(name, parents):
    surrogate, _ = stepped("float32-host", parents)
    array = surrogate.on_device(name)
    found, wanted = np.from_dlpack(array), np.asarray(Host(array))
    assert (found.dtype, found.strides) == (wanted.dtype, wanted.strides)
    assert found.ctypes.data == wanted.ctypes.data
    np.testing.assert_array_equal(found, wanted)


def test_a_dlpack_array_keeps_its_engine():
    found = np.from_dlpack(engine(3, variant="float32-host").on_device("hazard"))
    gc.collect()
    np.testing.assert_array_equal(found, np.zeros(3, np.float32))
    unused = engine(3, variant="float32-host").on_device("v").__dlpack__()
    assert "dltensor" in repr(unused)


def test_dlpack_makes_no_copy_and_goes_nowhere():
    array = engine(3, variant="float32-host").on_device("v")
    assert array.__dlpack_device__() == (1, 0)
    for asked in ({"copy": True}, {"dl_device": (2, 0)}):
        with pytest.raises(BufferError, match="'v' where it is"):
            array.__dlpack__(**asked)
    assert len(np.from_dlpack(array, device="cpu", copy=False)) == 3


@on_gpu
def test_dlpack_tells_of_the_gpu():
    cupy = pytest.importorskip("cupy")
    surrogate = engine(21, variant="float32")
    v = run(surrogate, trials(21, 5))[1][-1]
    found = cupy.from_dlpack(surrogate.on_device("v"))
    np.testing.assert_array_equal(found.get(), v)


def test_an_array_on_the_host_is_taken_as_it_is():
    array = np.arange(3)
    assert _engine.on_host(array) is array


@pytest.mark.skipif(_engine.cuda_built, reason="this build can copy it")
def test_an_array_on_a_gpu_is_refused_without_cuda():
    given = list(event())
    given[2] = engine(1, variant="float32-host").on_device("v")
    with pytest.raises(_engine.InputError, match=r"without CUDA: .*cupy\.asnumpy"):
        engine(1).step(0.0, *given)


@on_gpu
def test_an_array_on_a_gpu_is_copied_whole():
    surrogate = engine(70, variant="float32")
    v = run(surrogate, trials(70, 5))[1][-1]
    np.testing.assert_array_equal(_engine.on_host(surrogate.on_device("v")), v)


@on_gpu
def test_an_array_with_gaps_on_a_gpu_is_refused():
    surrogate = engine(3, variant="float32")
    with pytest.raises(_engine.InputError, match=r"cupy\.ascontiguousarray"):
        _engine.on_host(surrogate.on_device("lstm"))


@on_gpu
def test_events_may_come_from_a_gpu():
    cupy = pytest.importorskip("cupy")
    bins = trials(9, 20)
    on_device = [tuple(map(cupy.asarray, events)) for events in bins]
    given, wanted = engine(9, variant="float32"), engine(9, variant="float32")
    assert run(given, on_device)[1].tobytes() == run(wanted, bins)[1].tobytes()
