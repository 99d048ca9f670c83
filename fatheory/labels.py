"""Names of the dimensions, coordinates, variables and attributes of a run archive.

Every archive, from theory or from simulation, uses these names and no others. Change one only
together with `SCHEMA_VERSION`.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

SCHEMA_VERSION = 1

RULE = "rule"
SEED = "seed"
STEP = "step"
LAYER = "layer"
SAMPLE = "sample"
EXAMPLE = "example"
HELD_OUT_EXAMPLE = "held_out_example"
RECEPTIVE_UNIT = "receptive_unit"
TRACED_UNIT = "traced_unit"
TIME_STEP = "time_step"
SOURCE = "source"
RUN = (RULE, SEED, STEP)
"""Dimensions that stand first in everything that is recorded."""

TIME = "time"
WEIGHTED_STEP = "weighted_step"
LEARNING_RATE = "learning_rate"

TARGET_MAP = "target_map"
INPUT_COVARIANCE = "input_covariance"
PROBE_INPUT = "probe_input"
PROBE_TARGET = "probe_target"
TARGET_VARIANCE = "target_variance"
OWN_EXAMPLES = ("training_input", "training_target", "held_out_input", "held_out_target")
"""Arrays of one's own that an experiment learns from and is measured on."""
LOSS = "loss"
DIVERGED = "diverged"
DIVERGED_AT = "diverged_at"
STATUS = "status"

ATTR_SCHEMA = "fatheory_schema"
ATTR_SOURCE = "source"
ATTR_EXPERIMENT = "experiment"
ATTR_HASH = "experiment_hash"
ATTR_SWEEP = "sweep"
ATTR_VERSIONS = "versions"
ATTR_DEVICE = "device"
ATTR_PRECISION = "precision"
ATTR_CREATED = "created"
ATTR_WALL_TIME = "wall_time_s"
ATTR_FIGURE = "figure"
ATTR_SCALE = "scale"
ATTR_EXPERIMENTS = "experiments"
ATTR_HASHES = "experiment_hashes"
ATTR_UNFINISHED = "unfinished"
ATTR_REPAIRED = "repaired"
ATTR_ABSENT = "absent_quantities"
"""A JSON object: quantities that were asked for and the source cannot give, with the reason."""
ATTR_RATES = "learning_rates"
OWN_RATES = "own"
"""What the attribute is where an answer of theory holds at its own learning rates only."""
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

FOREIGN = "not simulated here"
"""How the source begins of archives that hold runs of other programs."""

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


def of_each_seed(name: str) -> str:
    """Name what is as `name`, of `OWN_EXAMPLES`, and another for every seed."""
    return f"seed_{name}"


_INITIAL = {
    "initial_run": (RULE, SEED),
    "initial_rule": (RULE,),
    "initial_seed": (SEED,),
    "initial": (),
}


def initial(name: str, *, of_rules: bool, of_seeds: bool) -> str:
    """Name an array from which networks start, given and not drawn, by the axes that it has."""
    runs = ((RULE,) if of_rules else ()) + ((SEED,) if of_seeds else ())
    prefix = next(prefix for prefix, own in _INITIAL.items() if own == runs)
    return f"{prefix}_{name}"


def is_own_array(name: str) -> bool:
    """Whether archives hold a variable as it was given, in its own precision."""
    examples = (*OWN_EXAMPLES, *map(of_each_seed, OWN_EXAMPLES))
    return name in examples or name.startswith("initial_")


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


def scale(layer: int) -> str:
    """Name the scale that the normalised units of a layer learn."""
    return f"scale_{layer}"


def shift(layer: int) -> str:
    """Name the shift that the normalised units of a layer learn."""
    return f"shift_{layer}"


def running_mean(layer: int) -> str:
    """Name the running mean by which a layer is normalised."""
    return f"running_mean_{layer}"


def running_variance(layer: int) -> str:
    """Name the running variance by which a layer is normalised."""
    return f"running_variance_{layer}"


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


OUTPUT_UNITS = "unit_L"
"""Among dimensions: the units of the output layer, whichever it is."""
UNITS_BELOW_OUTPUT = "unit_below_L"
"""Among dimensions: the units of the layer below the output."""


def output_dims(dims: Iterable[str], last_layer: int) -> tuple[str, ...]:
    """Replace ``unit_L`` and ``unit_below_L`` by the units of the last layer and the one below."""
    named = {OUTPUT_UNITS: last_layer, UNITS_BELOW_OUTPUT: last_layer - 1}
    return tuple(unit(named[dim]) if dim in named else dim for dim in dims)


Range = tuple[float, float]
ANY, NOT_NEGATIVE, FRACTION = (-math.inf, math.inf), (0.0, math.inf), (0.0, 1.0)


@dataclass(frozen=True)
class Variable:
    """How one variable of the archive is labelled.

    Attributes
    ----------
    dims : tuple of str
        Dimensions, in order. ``unit_L`` stands for the output layer's units, whichever it is, and
        ``unit_below_L`` for those of the layer below it; in a family of variables, one for every
        layer, ``{layer}`` and ``{below}`` stand for the layer's number and the one below.
    units : str
        Unit of the values, ``"1"`` where they have none.
    long_name : str
        What a figure would write on an axis.
    equation : str
        The equation behind the values, empty where there is none.
    kind : str
        ``"real"``, ``"integer"``, ``"boolean"`` or ``"string"``: what the values are.
    possible : tuple of float
        Least and largest value; without, units may bound them.
    """

    dims: tuple[str, ...]
    units: str
    long_name: str
    equation: str = ""
    kind: Literal["real", "integer", "boolean", "string"] = "real"
    possible: Range = ANY

    @property
    def attrs(self) -> dict[str, str]:
        """The attributes that an archive stores with the variable."""
        attrs = {"units": self.units, "long_name": self.long_name}
        return attrs | {"equation": self.equation} if self.equation else attrs

    def at(self, layer: int) -> "Variable":
        """Return the variable of one layer, of a family that has one for every layer."""
        numbers = {"layer": layer, "below": layer - 1}
        return replace(
            self,
            dims=tuple(dim.format(**numbers) for dim in self.dims),
            long_name=self.long_name.format(**numbers),
            equation=self.equation.format(**numbers),
        )


def per_run(units: str, long_name: str, equation: str = "", possible: Range = ANY) -> Variable:
    """Label one number for every rule, seed and step."""
    return Variable(RUN, units, long_name, equation, possible=possible)


def per_layer(units: str, long_name: str, equation: str = "", possible: Range = ANY) -> Variable:
    """Label one number for every rule, seed, step and layer."""
    return Variable((*RUN, LAYER), units, long_name, equation, possible=possible)


def described_in(variables: Mapping[str, Variable], name: str) -> Variable | None:
    """Return how `name` is labelled in a mapping whose names can be families; None if it is not.

    ``{layer}`` in a name stands for the number of a layer, 1 or more.
    """
    if name in variables:
        return variables[name]
    match = _NUMBERED.fullmatch(name)
    family = None if match is None else variables.get(f"{match[1]}_{{layer}}")
    return None if family is None or match is None else family.at(int(match[2]))


_NUMBERED = re.compile(r"(.+)_([1-9]\d*)")
_KERNELS = ("channel_{layer}", "channel_{below}", "kernel_row_{layer}", "kernel_column_{layer}")


def _own_examples(runs: tuple[str, ...]) -> dict[str, Variable]:
    """Label the arrays of `OWN_EXAMPLES`: the same for all seeds, or of each."""
    axes = {"input": unit(0), "target": OUTPUT_UNITS}
    dims = {"training": EXAMPLE, "held_out": HELD_OUT_EXAMPLE}
    found = {}
    for name in OWN_EXAMPLES:
        part, _, what = name.rpartition("_")
        long_name = f"{part.replace('_', '-')} {what}"
        found[of_each_seed(name) if runs else name] = Variable(
            (*runs, dims[part], axes[what]), DIMENSIONLESS, long_name
        )
    return found


BASIC_VARIABLES = {
    RULE: Variable((RULE,), DIMENSIONLESS, "learning rule", kind="string"),
    SEED: Variable((SEED,), DIMENSIONLESS, "seed", kind="integer"),
    STEP: Variable((STEP,), "step", "update steps", kind="integer"),
    LAYER: Variable((LAYER,), DIMENSIONLESS, "layer", kind="integer"),
    TIME: Variable((RULE, STEP), "learning rate x step", "time", "t = eta * step"),
    WEIGHTED_STEP: Variable(
        (STEP,), "step", "update steps, each weighted by the decay of the learning rates"
    ),
    LEARNING_RATE: Variable((RULE,), "1 / step", "learning rate"),
    TARGET_MAP: Variable((SEED, OUTPUT_UNITS, unit(0)), DIMENSIONLESS, "target map", "y* = T x"),
    INPUT_COVARIANCE: Variable(
        (SEED, unit(0), twin(unit(0))), DIMENSIONLESS, "input second moment", "Sigma = E[x x^T]"
    ),
    PROBE_INPUT: Variable((SEED, SAMPLE, unit(0)), DIMENSIONLESS, "probe input"),
    PROBE_TARGET: Variable((SEED, SAMPLE, OUTPUT_UNITS), DIMENSIONLESS, "probe target"),
    TARGET_VARIANCE: Variable((SEED,), DIMENSIONLESS, "variance of the targets", "<|y* - <y*>|^2>"),
    **_own_examples(()),
    **_own_examples((SEED,)),
    LOSS: per_run(DIMENSIONLESS, "loss", "L = 1/2 <e^T e>", NOT_NEGATIVE),
    "loss_sampling_error": per_run(
        DIMENSIONLESS,
        "standard error of the loss, over draws of a mean field's samples",
    ),
    "delta_angle_flattened_sampling_error": per_layer(
        DEGREES,
        "standard error of the angle between teaching signals, over draws of samples",
    ),
    DIVERGED: Variable((RULE, SEED), DIMENSIONLESS, "whether the run diverged", kind="boolean"),
    DIVERGED_AT: Variable(
        (RULE, SEED), "step", "first step with a non-finite error, -1 for none", kind="integer"
    ),
    unit(0): Variable((unit(0),), DIMENSIONLESS, "unit of layer 0", kind="integer"),
    "unit_{layer}": Variable(
        ("unit_{layer}",), DIMENSIONLESS, "unit of layer {layer}", kind="integer"
    ),
    "feedback_{layer}": Variable(
        (RULE, SEED, "unit_{below}", "unit_{layer}"),
        DIMENSIONLESS,
        "feedback weights from layer {layer}",
    ),
    "feedback_kernel_{layer}": Variable(
        (RULE, SEED, *_KERNELS), DIMENSIONLESS, "feedback kernels from layer {layer}"
    ),
    "direct_feedback_{layer}": Variable(
        (RULE, SEED, "unit_{layer}", OUTPUT_UNITS),
        DIMENSIONLESS,
        "direct feedback weights to layer {layer}",
    ),
}
"""Coordinates, what is drawn, and what every run records; quantities bring their own variables."""

Describe = Callable[[str], Variable | None]
Names = Callable[[], Iterable[str]]
_brought: list[tuple[Describe, Names]] = []


def also_described_by(describe: Describe, names: Names) -> None:
    """Let `describe` ask a room above this one about the variables that it brings."""
    _brought.append((describe, names))


def known_names() -> tuple[str, ...]:
    """List the names that `describe` knows, those of every layer by the name of layer 1."""
    brought = (name for _, names in _brought for name in names())
    return tuple(name.format(layer=1) for name in (*BASIC_VARIABLES, *brought))


def describe(name: str) -> Variable | None:
    """Return how the variable `name` is labelled, or None if no archive has such a variable."""
    known = described_in(BASIC_VARIABLES, name) or _described_start(name)
    if known is not None:
        return known
    found = (ask(name) for ask, _ in _brought)
    return next((variable for variable in found if variable is not None), None)


def _described_start(name: str) -> Variable | None:
    """Return how a given start is labelled: as what it starts, without steps."""
    for prefix, runs in _INITIAL.items():
        if name.startswith(f"{prefix}_"):
            started = describe(name.removeprefix(f"{prefix}_"))
            if started is None:
                return None
            inner = tuple(dim for dim in started.dims if dim not in RUN)
            return Variable((*runs, *inner), started.units, f"given start of {started.long_name}")
    return None


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
