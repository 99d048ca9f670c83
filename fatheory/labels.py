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
SOURCE = "source"

TIME = "time"
LEARNING_RATE = "learning_rate"

TARGET_MAP = "target_map"
INPUT_COVARIANCE = "input_covariance"
PROBE_INPUT = "probe_input"
PROBE_TARGET = "probe_target"
LOSS = "loss"
DELTA_ANGLE = "delta_angle"
DELTA_ANGLE_FLATTENED = "delta_angle_flattened"
WEIGHT_ANGLE = "weight_angle"
SIGN_CONCORDANCE = "sign_concordance"
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
    DIVERGED: Variable((RULE, SEED), DIMENSIONLESS, "whether the run diverged"),
    DIVERGED_AT: Variable((RULE, SEED), "step", "first step with a non-finite error, -1 for none"),
}

_LAYERED = re.compile(r"^(weight|feedback|teaching_signal|backprop_signal|unit)_(\d+)$")


def known_names() -> tuple[str, ...]:
    """List the names that `describe` knows, those of every layer by the name of layer 1."""
    return (*_VARIABLES, weight(1), feedback(1), teaching_signal(1), backprop_signal(1), unit(1))


def describe(name: str) -> Variable | None:
    """Return how the variable `name` is labelled, or None if no archive has such a variable.

    ``unit_L`` in the dimensions of targets stands for the output layer, whichever it is.
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
