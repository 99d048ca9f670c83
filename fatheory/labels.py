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
SOURCE = "source"

TIME = "time"
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
RECEPTIVE_FIELD = "receptive_field"
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

COORDINATES = (RULE, SEED, STEP, LAYER, TIME, LEARNING_RATE)
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

_VARIABLES = {
    RULE: Variable((RULE,), DIMENSIONLESS, "learning rule"),
    SEED: Variable((SEED,), DIMENSIONLESS, "seed"),
    STEP: Variable((STEP,), "step", "update steps"),
    LAYER: Variable((LAYER,), DIMENSIONLESS, "layer"),
    TIME: Variable((RULE, STEP), "learning rate x step", "time", "t = eta * step"),
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
    RECEPTIVE_FIELD: Variable(
        (*_RUN, RECEPTIVE_UNIT, unit(0)), DIMENSIONLESS, "weights from the input to a hidden unit"
    ),
    DIVERGED: Variable((RULE, SEED), DIMENSIONLESS, "whether the run diverged"),
    DIVERGED_AT: Variable((RULE, SEED), "step", "first step with a non-finite error, -1 for none"),
}

_LAYERED = re.compile(
    r"^(weight|bias|feedback|direct_feedback|teaching_signal|backprop_signal|unit)_(\d+)$"
)


def known_names() -> tuple[str, ...]:
    """List the names that `describe` knows, those of every layer by the name of layer 1."""
    layered = (weight, bias, feedback, direct_feedback, teaching_signal, backprop_signal, unit)
    return (*_VARIABLES, *(name(1) for name in layered))


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
    here, below = unit(layer), unit(layer - 1)
    if kind == "unit":
        return Variable((here,), DIMENSIONLESS, f"unit of layer {layer}")
    if layer < 1:
        return None
    return {
        "weight": Variable((*_RUN, here, below), DIMENSIONLESS, f"weights into layer {layer}"),
        "bias": Variable((*_RUN, here), DIMENSIONLESS, f"biases of layer {layer}"),
        "direct_feedback": Variable(
            (RULE, SEED, here, "unit_L"), DIMENSIONLESS, f"direct feedback weights to layer {layer}"
        ),
        "feedback": Variable(
            (RULE, SEED, below, here), DIMENSIONLESS, f"feedback weights from layer {layer}"
        ),
        "teaching_signal": Variable(
            (*_RUN, SAMPLE, here), DIMENSIONLESS, f"teaching signal at layer {layer}"
        ),
        "backprop_signal": Variable(
            (*_RUN, SAMPLE, here), DIMENSIONLESS, f"backprop's teaching signal at layer {layer}"
        ),
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
