"""Fixtures of the tests that run NEURON in this process."""

import gc

import pytest
from double import Silent, install

import ann_backend
from ann_backend import _neuron
from ann_backend.nrn import h
from ann_backend.run import limits
from ann_backend.train.cell import HH
from ann_backend.train.resolve import resolve


def _reset():
    _neuron.allow_fan_out(True)
    ann_backend.use("auto")
    ann_backend.restore()
    limits.forget()
    cvode = h.CVode()
    cvode.active(0)
    cvode.queue_mode(0)
    h.celsius, h.dt, h.steps_per_ms = 6.3, 0.025, 40
    gc.collect()  # here, not in the middle of a step
    h.finitialize(-65)


@pytest.fixture(scope="session")
def hh():
    """HH's description, resolved."""
    return resolve(HH)


@pytest.fixture
def fresh():
    """NEURON's settings as in a new process, and no surrogate; before and after."""
    _reset()
    yield
    _reset()


@pytest.fixture
def silent(monkeypatch):
    """The engine of every bundle: never fires, notes its events."""
    engine = Silent()
    install(monkeypatch, engine)
    return engine
