"""The rules by name: the built-in ones and those that installed packages register."""

from functools import cache
from importlib.metadata import entry_points

from fatheory.errors import FatheoryError, UnknownNameError
from fatheory.rules.adaptive import KolenPollack, WeightMirror
from fatheory.rules.backprop import Backprop
from fatheory.rules.direct import DirectFeedbackAlignment
from fatheory.rules.fixed import (
    FeedbackAlignment,
    OrthogonalFeedback,
    RandomFeedback,
    Shallow,
)
from fatheory.rules.node_perturbation import NodePerturbation
from fatheory.rules.pseudobackprop import Pseudobackprop
from fatheory.rules.rule import Rule
from fatheory.rules.sign_concordant import (
    BatchwiseRandomSignFeedback,
    FixedRandomSignFeedback,
    UniformSignFeedback,
)

ENTRY_POINT_GROUP = "fatheory.rules"

_BUILT_IN: tuple[type[Rule], ...] = (
    Backprop,
    FeedbackAlignment,
    Shallow,
    NodePerturbation,
    UniformSignFeedback,
    FixedRandomSignFeedback,
    BatchwiseRandomSignFeedback,
    RandomFeedback,
    OrthogonalFeedback,
    Pseudobackprop,
    DirectFeedbackAlignment,
    KolenPollack,
    WeightMirror,
)


@cache
def known_rules() -> dict[str, type[Rule]]:
    """Return all rules by name.

    An installed package adds one by an entry point of the group ``fatheory.rules`` that names a
    `Rule` class. Built-in names cannot be taken over.

    Raises
    ------
    FatheoryError
        If an entry point names something else than a rule, or a name that is taken.
    """
    rules = {rule.name: rule for rule in _BUILT_IN}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        rule = point.load()
        if not (isinstance(rule, type) and issubclass(rule, Rule)):
            raise FatheoryError(
                f"the entry point {point.name!r} of {ENTRY_POINT_GROUP} is {rule!r}, "
                f"not a subclass of fatheory.rules.Rule"
            )
        if rule.name in rules:
            raise FatheoryError(f"{point.value} registers the rule {rule.name!r}, which exists")
        rules[rule.name] = rule
    return rules


def find_rule(name: str) -> type[Rule]:
    """Return the rule called `name`.

    Raises
    ------
    UnknownNameError
        If there is none; the message lists the known rules and the nearest.
    """
    rules = known_rules()
    if name not in rules:
        raise UnknownNameError("rule", name, rules)
    return rules[name]


def make_rule(name: str, **parameters: float) -> Rule:
    """Return the rule called `name` with these parameters, defaults for the others.

    Raises
    ------
    UnknownNameError
        If the rule or a parameter does not exist.
    ValueError
        If a parameter is out of its range.
    """
    rule = find_rule(name)
    for parameter in parameters:
        if parameter not in rule.parameters():
            raise UnknownNameError(f"parameter of {name}", parameter, rule.parameters())
    return rule(**{key: float(value) for key, value in parameters.items()})
