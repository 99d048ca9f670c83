"""Which rule learns, at which learning rate, with which parameters, where."""

from collections.abc import Mapping
from typing import Annotated, Any
from warnings import warn

from pydantic import BeforeValidator, Field, model_serializer, model_validator

from fatheory.errors import InvalidExperimentError, UnknownNameError
from fatheory.experiment.description import (
    AS_MAPPING,
    Description,
    Number,
    Positive,
    Seed,
    canonical,
    short,
    whole,
)
from fatheory.experiment.functions import Derivative, Slopes
from fatheory.rules import FixedFeedback, LayeredRule, Rule, find_rule

LAST = "last"
"""Names the output layer among the layers with a rule of their own."""
Probability = Annotated[Number, Field(ge=0, le=1)]


class LayerRule(Description):
    """A rule with its parameters.

    Attributes
    ----------
    rule : str
        Name of the rule, as `fatheory list` shows it.
    parameters : dict
        The rule's own parameters, in full. Written beside the others, as in
        ``{"rule": "frsf", "concordance": 0.75}``; defaults are filled in.
    initial_concordance : float, optional
        For fixed feedback: the probability that an entry of V has the sign of the start weight
        that it stands in for. None leaves signs as they are drawn.
    """

    rule: str
    parameters: tuple[tuple[str, Any], ...] = ()
    initial_concordance: Probability | None = None

    @model_validator(mode="before")
    @classmethod
    def _gather_parameters(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "rule" not in data:
            return data
        if not isinstance(data["rule"], str):
            raise ValueError(f"a rule is named by a string; got {data['rule']!r}")
        rule = find_rule(data["rule"])
        own = {key: data[key] for key in cls.model_fields if key in data and key != "parameters"}
        given = _mapping(data.get("parameters", {}))
        given |= {key: data[key] for key in data if key not in own and key != "parameters"}
        given = _of_now(rule, given)
        for key in given:
            if key not in rule.parameters():
                known = [name for name in cls.model_fields if name != "parameters"]
                known += rule.parameters()
                raise UnknownNameError(f"parameter of {rule.name}", key, known)
        made = rule(**{key: rule.read(key, value) for key, value in given.items()})
        # Defaults are written out, so that a description keeps its meaning should a default change.
        complete = {key: rule.read(key, getattr(made, key)) for key in rule.parameters()}
        return own | {"parameters": tuple(complete.items())}

    @model_validator(mode="after")
    def _feedback_is_fixed(self) -> "LayerRule":
        if self.initial_concordance is not None and not isinstance(self.make(), FixedFeedback):
            raise ValueError(
                f"initial_concordance is for rules with fixed feedback, such as feedback_alignment "
                f"and rndf; {self.rule} has none (frsf and brsf have a parameter concordance)"
            )
        return self

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        given = (
            {}
            if self.initial_concordance is None
            else dict(initial_concordance=self.initial_concordance)
        )
        return {"rule": self.rule, **dict(self.parameters), **given}

    def canonical(self) -> dict[str, Any]:
        """Return what differs from the defaults, those of the rule's parameters too."""
        defaults = find_rule(self.rule).parameters()
        given = {key: value for key, value in self.parameters if value != defaults[key]}
        # As runs know them that were stored before they were renamed.
        former = {now: before for before, now in find_rule(self.rule).former_parameters.items()}
        given = {former.get(key, key): value for key, value in given.items()}
        own = {key: value for key, value in super().canonical().items() if key != "parameters"}
        return own | ({"parameters": canonical(given)} if given else {})

    def make(self) -> Rule:
        """Return the rule itself."""
        # Not by `make_rule`: descriptions read their parameters once, and every draw asks anew.
        return find_rule(self.rule)(**dict(self.parameters))


def _of_now(rule: type[Rule], given: dict[str, Any]) -> dict[str, Any]:
    """Give parameters the names that they have now, and say so of former ones."""
    for before, now in rule.former_parameters.items():
        if before in given:
            what = f"the parameter {before!r} of {rule.name} is called {now!r}"
            warn(f"{what}; the former name will go with version 0.2", DeprecationWarning, 2)
            given = {key: value for key, value in given.items() if key not in (before, now)} | {
                now: given[before]
            }
    return given


def _layer_rules(value: Any) -> Any:
    """Read a mapping from layers to rules."""
    if not isinstance(value, Mapping):
        return value
    choices, problems = [], []
    for key, choice in value.items():
        if isinstance(choice, Mapping):
            try:
                choice = LayerRule(**{str(name): inner for name, inner in choice.items()})
            except InvalidExperimentError as error:
                problems += [
                    (".".join(filter(None, (str(key), at))), m) for at, m in error.problems
                ]
        choices.append((_layer(key), choice))
    if problems:
        raise InvalidExperimentError("layers", problems)
    return tuple(choices)


def _layer(key: Any) -> int | str:
    """Read a layer's number, which JSON writes as a string; other strings are looked at later."""
    if isinstance(key, str):
        # Not `isdigit`, which lets superscripts pass, and `int` refuses them.
        return int(key) if key.isdecimal() else key
    number = whole(key)
    if type(number) is not int:
        raise ValueError(f"layers are whole numbers or {LAST!r}; got {key!r}")
    return number


class RuleChoice(LayerRule):
    """A rule with its learning rate.

    Attributes
    ----------
    rule, parameters, initial_concordance
        As of `LayerRule`.
    learning_rate : float
        Step size; time is learning_rate x step.
    slopes : str
        How signals travel. ``"transmitted"``: multiplied by the slopes of the units that they
        pass, delta_{L-1} = V_L^T (e o y') and delta_{l-1} = V_l^T (delta_l o h_l'), as backprop's
        do (Liao, Leibo & Poggio 2016; Nøkland 2016; most libraries). ``"local"``: as they are,
        delta_{L-1} = V_L^T e and delta_{l-1} = V_l^T delta_l (Lillicrap et al. 2016, Methods:
        "these derivatives are used only locally"). Either way a unit's own slope enters the
        change of its own weights, ΔW_l = η (delta_l o h_l') h_{l-1}^T. A unit's slope includes
        its normalisation; pools, and dropped activities, are passed by the way that the activity
        came. With softmax outputs and cross-entropy e is sent either way.
    derivative : str
        What stands in for the derivative of sigmoid and tanh units, wherever the rule uses it:
        ``"exact"``, or one of the rough ones of `fatheory.networks.with_derivative`, ``"one"``,
        ``"step"`` and ``"triangle"``, which "work nearly as well" (Lillicrap et al. 2016,
        Methods).
    feedback_seed : int, optional
        Of which seed the feedback is, at every seed of the experiment; so all runs share one B.
        None lets every seed draw its own.
    layers : dict
        Layers, by number or ``"last"``, into which another rule sends its errors:
        ``{"rule": "usf", "learning_rate": 0.01, "layers": {"last": {"rule": "backprop"}}}``.
        Both must be layered rules whose feedback does not learn.
    """

    learning_rate: Positive
    slopes: Slopes = "transmitted"
    derivative: Derivative = "exact"
    feedback_seed: Seed | None = None
    layers: Annotated[
        tuple[tuple[int | str, LayerRule], ...], BeforeValidator(_layer_rules), AS_MAPPING
    ] = ()

    @model_validator(mode="after")
    def _layered(self) -> "RuleChoice":
        numbers = [layer for layer, _ in self.layers]
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"layers must differ from each other; got {numbers}")
        for layer in numbers:
            # Layer 1 sends nothing further back, so no feedback stands for it.
            if layer != LAST and (isinstance(layer, str) or layer < 2):
                raise ValueError(
                    f"layers that send errors back are 2, 3, ... and {LAST!r}; got {layer!r}"
                )
        if self.layers:
            for rule in (self.make(), *(choice.make() for _, choice in self.layers)):
                if not isinstance(rule, LayeredRule) or rule.adaptive:
                    raise ValueError(
                        f"rules that differ by layer must be layered, with feedback that does not "
                        f"learn; {rule.name} is not"
                    )
        return self

    @model_validator(mode="after")
    def _slopes_can_be_sent(self) -> "RuleChoice":
        rule = self.make()
        if self.slopes == "local" and not rule.carries_slopes:
            raise ValueError(
                f"slopes say how errors are sent back, and {rule.name} sends none: leave slopes out"
            )
        return self

    @model_validator(mode="after")
    def _feedback_is_drawn(self) -> "RuleChoice":
        rule = self.make()
        if self.feedback_seed is not None and (rule.stochastic or not rule.draws_at_random()):
            raise ValueError(
                f"feedback_seed is for rules that draw feedback at random, once; {rule.name} does "
                f"not: leave feedback_seed out"
            )
        return self

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        flat = LayerRule._flat(self)
        flat = {"rule": flat.pop("rule"), "learning_rate": self.learning_rate, **flat}
        # Left out where they say nothing, so that descriptions written without them are the same.
        if self.slopes != "transmitted":
            flat["slopes"] = self.slopes
        if self.derivative != "exact":
            flat["derivative"] = self.derivative
        if self.feedback_seed is not None:
            flat["feedback_seed"] = self.feedback_seed
        own = {str(layer): choice.model_dump() for layer, choice in self.layers}
        return flat | {"layers": own} if own else flat

    def at(self, layer: int, layers: int) -> LayerRule:
        """Return the choice for one of `layers` layers."""
        own = dict(self.layers)
        return own.get(LAST if layer == layers and LAST in own else layer, self)


def _mapping(parameters: Any) -> dict[str, Any]:
    """Read parameters from a mapping or from the pairs in which a choice keeps them."""
    try:
        return {str(key): value for key, value in dict(parameters).items()}
    except (TypeError, ValueError):
        raise ValueError(
            f"parameters must be a mapping from names to values; got {parameters!r}"
        ) from None


def rule_choices(value: Any) -> Any:
    """Read a mapping from labels to choices; ``{"backprop": 0.02}`` names rule and rate at once."""
    if not isinstance(value, Mapping):
        pairs = isinstance(value, list | tuple) and all(
            isinstance(pair, list | tuple) and len(pair) == 2 for pair in value
        )
        if pairs:
            return value
        raise ValueError(
            "must be a mapping from names to learning rates, or to settings, as "
            f"{{'backprop': 0.01}}; got {short(value)}"
        )
    choices, problems = [], []
    for label, choice in value.items():
        if not isinstance(label, str):
            problems.append((str(label), f"a rule's label is a string; got {label!r}"))
            continue
        if not isinstance(choice, RuleChoice):
            given = {"learning_rate": choice}
            if isinstance(choice, Mapping):
                given = {str(key): inner for key, inner in choice.items()}
            try:
                choice = RuleChoice(**({"rule": label} | given))
            except InvalidExperimentError as error:
                problems += [(".".join(filter(None, (label, at))), m) for at, m in error.problems]
                continue
        choices.append((label, choice))
    if problems:
        raise InvalidExperimentError("rules", problems)
    return tuple(choices)
