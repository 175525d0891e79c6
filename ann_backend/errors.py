"""Exception types: what went wrong with the user's input, by kind."""


class AnnBackendError(Exception):
    """Base class of every error that ann_backend raises on purpose."""


class BundleError(AnnBackendError):
    """A bundle file is missing, damaged, foreign, or made by another version."""


class StateError(AnnBackendError):
    """A saved state is missing, damaged, or of another model, version or time."""


class CellError(AnnBackendError):
    """A cell, template or synapse does not fit what a bundle was trained on."""


class UnsupportedError(AnnBackendError):
    """A feature of NEURON that a replaced cell cannot honour; refused by name."""


class NeuronLayoutError(AnnBackendError):
    """The running NEURON does not pass the coupling's calibration or self-test."""


class ApproximationWarning(UserWarning):
    """Something is kept only approximately; said once per kind, with a count."""
