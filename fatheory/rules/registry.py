"""The rules by name: the built-in ones and those that installed packages register."""

from dataclasses import fields
from inspect import signature
from typing import Any

from fatheory.errors import PluginError, UnknownNameError
from fatheory.registry import Registry
from fatheory.rules.adaptive import KolenPollack, WeightMirror
from fatheory.rules.backprop import Backprop
from fatheory.rules.direct import DirectFeedbackAlignment
from fatheory.rules.fixed import (
    FeedbackAlignment,
    OrthogonalFeedback,
    RandomFeedback,
    Shallow,
)
from fatheory.rules.fixed_feedback import FeedbackOfDistribution
from fatheory.rules.guard import packages_known_by, whose
from fatheory.rules.node_perturbation import NodePerturbation
from fatheory.rules.pseudobackprop import Pseudobackprop
from fatheory.rules.rule import DirectRule, LayeredRule, Rule
from fatheory.rules.sign_concordant import (
    BatchwiseRandomSignFeedback,
    FixedRandomSignFeedback,
    UniformSignFeedback,
)
from fatheory.rules.target_projection import DirectRandomTargetProjection

OF_CHOICES = frozenset(
    {
        "rule",
        "parameters",
        "learning_rate",
        "layers",
        "initial_concordance",
        "slopes",
        "derivative",
        "feedback_seed",
    }
)
"""What descriptions say of any rule, so no parameter can be called so."""
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
    FeedbackOfDistribution,
    Pseudobackprop,
    DirectFeedbackAlignment,
    DirectRandomTargetProjection,
    KolenPollack,
    WeightMirror,
)


def _unfit(part: object) -> str:
    if not (isinstance(part, type) and issubclass(part, Rule)):
        return "is not a subclass of fatheory.rules.Rule"
    if not issubclass(part, LayeredRule | DirectRule):
        return "is neither a LayeredRule nor a DirectRule, of which rules are subclasses"
    lacking = _lacking(part)
    if lacking:
        return lacking
    lost = sorted(_annotated(part) - {field.name for field in fields(part)})
    if lost:
        return f"is no dataclass and loses {', '.join(lost)}: write @dataclass(frozen=True) above"
    declared = getattr(part, "__dataclass_fields__", {}).keys() - {f.name for f in fields(part)}
    passing = sorted(declared & signature(part).parameters.keys())
    if passing:
        return (
            f"has {', '.join(passing)} as InitVar, which descriptions cannot hold: make it a field"
        )
    for name in ("name", "summary", "source", "display_name", "colour"):
        if not isinstance(getattr(part, name, None), str):
            return f"has no {name}, which is text; got {getattr(part, name, None)!r:.60}"
    taken = sorted(OF_CHOICES & set(part.parameters()))
    if taken:
        return f"has parameters of names that every rule has already: {', '.join(taken)}"
    return ""


def _lacking(part: type[Rule]) -> str:
    """Say what a rule must define and does not; empty if nothing."""
    for kind, method in ((LayeredRule, "backward_weights"), (DirectRule, "teaching_signals")):
        if issubclass(part, kind) and getattr(part, method) is getattr(kind, method):
            return f"defines no {method}, from which layers of a {kind.__name__} learn"
    return ""


def _annotated(part: type[Rule]) -> set[str]:
    """Name what a class that is no dataclass itself seems to declare as parameters."""
    if "__dataclass_fields__" in vars(part):
        return set()
    own = vars(part).get("__annotations__", {})
    return {name for name, kind in own.items() if "ClassVar" not in str(kind)}


RULES: Registry[type[Rule]] = Registry("rule", ENTRY_POINT_GROUP, _BUILT_IN, unfit=_unfit)
"""All rules. A package adds one by an entry point of the group ``fatheory.rules`` that names a
`Rule` class, a notebook by `register`."""

packages_known_by(RULES.package_of)
register = RULES.register
known_rules = RULES.known
find_rule = RULES.find


def as_rule(rule: object) -> Rule:
    """Return a rule that is given by its name, with default parameters, or as an object.

    Raises
    ------
    UnknownNameError
        If it is neither an object of a rule nor the name of one.
    PluginError
        If it is of a class that does not define what layers learn from.
    """
    if isinstance(rule, Rule):
        lacking = _lacking(type(rule))
        if lacking:
            raise PluginError(f"{whose(type(rule))} {lacking}")
        return rule
    if not isinstance(rule, str):
        raise UnknownNameError("rule", rule, known_rules())
    return make_rule(rule)


def make_rule(name: str, **parameters: Any) -> Rule:
    """Return the rule called `name` with these parameters, defaults for the others.

    Raises
    ------
    UnknownNameError
        If the rule or a parameter does not exist.
    ValueError
        If a parameter is of another kind, or out of its range.
    """
    rule = find_rule(name)
    for parameter in parameters:
        if parameter not in rule.parameters():
            raise UnknownNameError(f"parameter of {name}", parameter, rule.parameters())
    return rule(**{key: rule.read(key, value) for key, value in parameters.items()})
