"""Names of the dimensions, coordinates, variables and attributes of a run archive.

Every archive, from theory or from simulation, uses these names and no others. Change one only
together with `SCHEMA_VERSION`.
"""

import re
from dataclasses import dataclass

SCHEMA_VERSION = 1

RULE = "rule"
SEED = "seed"
STEP = "step"
LAYER = "layer"
SAMPLE = "sample"
RECEPTIVE_UNIT = "receptive_unit"
TRACED_UNIT = "traced_unit"
TIME_STEP = "time_step"
SOURCE = "source"

TIME = "time"
WEIGHTED_STEP = "weighted_step"
LEARNING_RATE = "learning_rate"

TARGET_MAP = "target_map"
INPUT_COVARIANCE = "input_covariance"
PROBE_INPUT = "probe_input"
PROBE_TARGET = "probe_target"
TARGET_VARIANCE = "target_variance"
LOSS = "loss"
TRAINING_LOSS = "training_loss"
CLASSIFICATION_ERROR = "classification_error"
TRAINING_ERROR = "training_error"
DELTA_ANGLE = "delta_angle"
DELTA_ANGLE_FLATTENED = "delta_angle_flattened"
WEIGHT_ANGLE = "weight_angle"
SIGN_CONCORDANCE = "sign_concordance"
PSEUDOBACKPROP_ANGLE = "pseudobackprop_angle"
BACKPROP_TO_PSEUDOBACKPROP_ANGLE = "backprop_to_pseudobackprop_angle"
PSEUDOINVERSE_ALIGNMENT = "pseudoinverse_alignment"
UNIT_ANGLE = "unit_angle"
WEIGHT_NORM = "weight_norm"
GRADIENT_NORM = "gradient_norm"
UPDATE_SIGN_AGREEMENT = "update_sign_agreement"
RECEPTIVE_FIELD = "receptive_field"
FIRING_RATE = "firing_rate"
POTENTIAL = "potential"
SPIKES = "spikes"
MODULATOR = "modulator"
DIVERGED = "diverged"
DIVERGED_AT = "diverged_at"

ATTR_SCHEMA = "fatheory_schema"
ATTR_SOURCE = "source"
ATTR_EXPERIMENT = "experiment"
ATTR_HASH = "experiment_hash"
ATTR_VERSIONS = "versions"
ATTR_DEVICE = "device"
ATTR_PRECISION = "precision"
ATTR_CREATED = "created"
ATTR_WALL_TIME = "wall_time_s"
ATTR_UNFINISHED = "unfinished"
ATTR_REPAIRED = "repaired"
REQUIRED_ATTRS = (
    ATTR_SCHEMA,
    ATTR_SOURCE,
    ATTR_EXPERIMENT,
    ATTR_HASH,
    ATTR_VERSIONS,
    ATTR_DEVICE,
    ATTR_PRECISION,
    ATTR_CREATED,
    ATTR_WALL_TIME,
)

COORDINATES = (RULE, SEED, STEP, LAYER, TIME, WEIGHTED_STEP, LEARNING_RATE)
REQUIRED_VARIABLES = (RULE, SEED, STEP, TIME, LEARNING_RATE, LOSS, DIVERGED, DIVERGED_AT)

DEGREES = "degree"
DIMENSIONLESS = "1"
PERCENT = "percent"


def unit(layer: int) -> str:
    """Name the dimension of the units of a layer; layer 0 is the input."""
    return f"unit_{layer}"


def twin(dim: str) -> str:
    """Name the second axis of a square matrix over `dim`."""
    return f"{dim}_twin"


def weight(layer: int) -> str:
    """Name the forward weights into a layer, of dimensions (unit_l, unit_{l-1})."""
    return f"weight_{layer}"


def feedback(layer: int) -> str:
    """Name the fixed feedback of a layer, oriented like B: (unit_{l-1}, unit_l)."""
    return f"feedback_{layer}"


def direct_feedback(layer: int) -> str:
    """Name the fixed feedback from the output to a hidden layer, (unit_l, unit_L)."""
    return f"direct_feedback_{layer}"


def bias(layer: int) -> str:
    """Name the biases of a layer's units."""
    return f"bias_{layer}"


def channel(layer: int) -> str:
    """Name the dimension of the channels of a convolutional layer; layer 0 is the image."""
    return f"channel_{layer}"


def kernel(layer: int) -> str:
    """Name the kernels of a layer, (channel_l, channel_{l-1}, kernel_row_l, kernel_column_l)."""
    return f"kernel_{layer}"


def feedback_kernel(layer: int) -> str:
    """Name what stands in for the kernels of a layer, or what a rule draws for it, alike."""
    return f"feedback_kernel_{layer}"


def channel_bias(layer: int) -> str:
    """Name the biases of a convolutional layer's channels."""
    return f"channel_bias_{layer}"


def feature(layer: int) -> str:
    """Name the dimension over which a layer is normalised: its units, or its channels."""
    return f"feature_{layer}"


def teaching_signal(layer: int) -> str:
    """Name the teaching signals that a rule delivers to a layer's units, per sample."""
    return f"teaching_signal_{layer}"


def backprop_signal(layer: int) -> str:
    """Name the teaching signals that backprop would deliver with the same weights."""
    return f"backprop_signal_{layer}"


@dataclass(frozen=True)
class Variable:
    """How one variable of the archive is labelled.

    Attributes
    ----------
    dims : tuple of str
        Dimensions, in order.
    units : str
        Unit of the values, ``"1"`` where they have none.
    long_name : str
        What a figure would write on an axis.
    equation : str
        The equation behind the values, empty where there is none.
    """

    dims: tuple[str, ...]
    units: str
    long_name: str
    equation: str = ""

    @property
    def attrs(self) -> dict[str, str]:
        """The attributes that an archive stores with the variable."""
        attrs = {"units": self.units, "long_name": self.long_name}
        return attrs | {"equation": self.equation} if self.equation else attrs


_RUN = (RULE, SEED, STEP)
_TRACE = (*_RUN, LAYER, TRACED_UNIT, TIME_STEP)

_VARIABLES = {
    RULE: Variable((RULE,), DIMENSIONLESS, "learning rule"),
    SEED: Variable((SEED,), DIMENSIONLESS, "seed"),
    STEP: Variable((STEP,), "step", "update steps"),
    LAYER: Variable((LAYER,), DIMENSIONLESS, "layer"),
    TIME: Variable((RULE, STEP), "learning rate x step", "time", "t = eta * step"),
    WEIGHTED_STEP: Variable(
        (STEP,), "step", "update steps, each weighted by the decay of the learning rates"
    ),
    LEARNING_RATE: Variable((RULE,), "1 / step", "learning rate"),
    TARGET_MAP: Variable((SEED, "unit_L", unit(0)), DIMENSIONLESS, "target map", "y* = T x"),
    INPUT_COVARIANCE: Variable(
        (SEED, unit(0), twin(unit(0))), DIMENSIONLESS, "input second moment", "Sigma = E[x x^T]"
    ),
    PROBE_INPUT: Variable((SEED, SAMPLE, unit(0)), DIMENSIONLESS, "probe input"),
    PROBE_TARGET: Variable((SEED, SAMPLE, "unit_L"), DIMENSIONLESS, "probe target"),
    LOSS: Variable(_RUN, DIMENSIONLESS, "loss", "L = 1/2 <e^T e>"),
    TARGET_VARIANCE: Variable((SEED,), DIMENSIONLESS, "variance of the targets", "<|y* - <y*>|^2>"),
    TRAINING_LOSS: Variable(_RUN, DIMENSIONLESS, "loss on training examples", "L = 1/2 <e^T e>"),
    CLASSIFICATION_ERROR: Variable(_RUN, PERCENT, "classification error on held-out examples"),
    TRAINING_ERROR: Variable(_RUN, PERCENT, "classification error on training examples"),
    DELTA_ANGLE: Variable(
        (*_RUN, LAYER),
        DEGREES,
        "angle between the rule's and backprop's teaching signals, averaged over samples",
    ),
    DELTA_ANGLE_FLATTENED: Variable(
        (*_RUN, LAYER),
        DEGREES,
        "angle between the rule's and backprop's teaching signals, all samples as one vector",
    ),
    WEIGHT_ANGLE: Variable(
        (*_RUN, LAYER), DEGREES, "angle between forward weights and transposed feedback weights"
    ),
    SIGN_CONCORDANCE: Variable(
        (*_RUN, LAYER), DIMENSIONLESS, "sign concordance of forward and feedback weights"
    ),
    PSEUDOBACKPROP_ANGLE: Variable(
        (*_RUN, LAYER),
        DEGREES,
        "angle between the rule's and pseudobackprop's teaching signals, averaged over samples",
    ),
    BACKPROP_TO_PSEUDOBACKPROP_ANGLE: Variable(
        (*_RUN, LAYER),
        DEGREES,
        "angle between backprop's and pseudobackprop's teaching signals, averaged over samples",
    ),
    PSEUDOINVERSE_ALIGNMENT: Variable(
        (*_RUN, LAYER),
        DEGREES,
        "angle between forward weights and pseudoinverse of feedback weights",
    ),
    UNIT_ANGLE: Variable(
        (*_RUN, "unit_below_L"),
        DEGREES,
        "angle between each unit's outgoing weights and feedback, last hidden layer",
    ),
    WEIGHT_NORM: Variable((*_RUN, LAYER), DIMENSIONLESS, "Frobenius norm of the weights", "|W_l|"),
    GRADIENT_NORM: Variable(
        (*_RUN, LAYER), DIMENSIONLESS, "norm of what the rule takes for the gradient", "|g_l|"
    ),
    UPDATE_SIGN_AGREEMENT: Variable(
        (*_RUN, LAYER),
        DIMENSIONLESS,
        "fraction of the gradient's entries that have the sign of backprop's",
    ),
    RECEPTIVE_FIELD: Variable(
        (*_RUN, RECEPTIVE_UNIT, unit(0)), DIMENSIONLESS, "weights from the input to a hidden unit"
    ),
    FIRING_RATE: Variable((*_RUN, LAYER), "1 / time step", "spikes per neuron and time step"),
    POTENTIAL: Variable(_TRACE, DIMENSIONLESS, "postsynaptic potential", "v"),
    SPIKES: Variable(_TRACE, DIMENSIONLESS, "spikes", "s"),
    MODULATOR: Variable(_TRACE, DIMENSIONLESS, "modulator", "phi(u) sigma'(v)"),
    DIVERGED: Variable((RULE, SEED), DIMENSIONLESS, "whether the run diverged"),
    DIVERGED_AT: Variable((RULE, SEED), "step", "first step with a non-finite error, -1 for none"),
}

_PER_LAYER = (
    *("weight", "bias", "feedback", "direct_feedback", "teaching_signal", "backprop_signal"),
    *("unit", "kernel", "feedback_kernel", "channel_bias"),
    *("scale", "shift", "running_mean", "running_variance"),
)
_LAYERED = re.compile(rf"^({'|'.join(_PER_LAYER)})_(\d+)$")


def known_names() -> tuple[str, ...]:
    """List the names that `describe` knows, those of every layer by the name of layer 1."""
    return (*_VARIABLES, *(f"{kind}_1" for kind in _PER_LAYER))


def describe(name: str) -> Variable | None:
    """Return how the variable `name` is labelled, or None if no archive has such a variable.

    ``unit_L`` among the dimensions stands for the output layer, whichever it is, and
    ``unit_below_L`` for the layer below it.
    """
    if name in _VARIABLES:
        return _VARIABLES[name]
    match = _LAYERED.match(name)
    if match is None:
        return None
    kind, layer = match.group(1), int(match.group(2))
    if kind == "unit":
        return Variable((unit(layer),), DIMENSIONLESS, f"unit of layer {layer}")
    if layer < 1:
        return None
    dims, long_name = _of_layer(kind, layer)
    return Variable(dims, DIMENSIONLESS, f"{long_name} {layer}")


def _of_layer(kind: str, layer: int) -> tuple[tuple[str, ...], str]:
    """Return dimensions and the long name, up to the layer's number."""
    here, below = unit(layer), unit(layer - 1)
    window = (f"kernel_row_{layer}", f"kernel_column_{layer}")
    kernels = (channel(layer), channel(layer - 1), *window)
    features = (*_RUN, feature(layer))
    return {
        "weight": ((*_RUN, here, below), "weights into layer"),
        "bias": ((*_RUN, here), "biases of layer"),
        "direct_feedback": ((RULE, SEED, here, "unit_L"), "direct feedback weights to layer"),
        "feedback": ((RULE, SEED, below, here), "feedback weights from layer"),
        "teaching_signal": ((*_RUN, SAMPLE, here), "teaching signal at layer"),
        "backprop_signal": ((*_RUN, SAMPLE, here), "backprop's teaching signal at layer"),
        "kernel": ((*_RUN, *kernels), "kernels of layer"),
        "feedback_kernel": ((RULE, SEED, *kernels), "feedback kernels from layer"),
        "channel_bias": ((*_RUN, channel(layer)), "biases of the channels of layer"),
        "scale": (features, "learnt scale after the normalisation of layer"),
        "shift": (features, "learnt shift after the normalisation of layer"),
        "running_mean": (features, "running mean of the sums of layer"),
        "running_variance": (features, "running variance of the sums of layer"),
    }[kind]


def variable(name: str) -> Variable:
    """Return how the variable `name` is labelled; it must be one of ours.

    Raises
    ------
    KeyError
        If no archive has such a variable.
    """
    known = describe(name)
    if known is None:
        raise KeyError(f"no archive variable is called {name!r}")
    return known
