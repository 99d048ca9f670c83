"""Which rule learns, at which learning rate, with which parameters."""

from collections.abc import Mapping
from typing import Any

from pydantic import model_serializer, model_validator

from fatheory.experiment.description import Description, Positive, real
from fatheory.rules import Rule, find_rule, make_rule


class RuleChoice(Description):
    """A rule with its learning rate.

    Attributes
    ----------
    rule : str
        Name of the rule, as `fatheory list` shows it.
    learning_rate : float
        Step size; time is learning_rate x step.
    parameters : dict
        The rule's own parameters, in full. Written beside the others, as in
        ``{"rule": "frsf", "learning_rate": 0.01, "concordance": 0.75}``; defaults are filled in.
    """

    rule: str
    learning_rate: Positive
    parameters: tuple[tuple[str, float], ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _gather_parameters(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "rule" not in data:
            return data
        if not isinstance(data["rule"], str):
            raise ValueError(f"a rule is named by a string; got {data['rule']!r}")
        rule = find_rule(data["rule"])
        own = {key: data[key] for key in ("rule", "learning_rate") if key in data}
        given = _mapping(data.get("parameters", {}))
        given |= {key: data[key] for key in data if key not in own and key != "parameters"}
        made = make_rule(rule.name, **{key: _number(key, value) for key, value in given.items()})
        complete = {key: float(getattr(made, key)) for key in rule.parameters()}
        return own | {"parameters": tuple(complete.items())}

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        return {"rule": self.rule, "learning_rate": self.learning_rate, **dict(self.parameters)}

    def make(self) -> Rule:
        """Return the rule itself."""
        return make_rule(self.rule, **dict(self.parameters))


def _mapping(parameters: Any) -> dict[str, Any]:
    """Read parameters from a mapping or from the pairs in which a choice keeps them."""
    try:
        return dict(parameters)
    except (TypeError, ValueError):
        raise ValueError(
            f"parameters must be a mapping from names to numbers; got {parameters!r}"
        ) from None


def _number(key: str, value: Any) -> float:
    value = real(value)
    if not isinstance(value, float):
        raise ValueError(f"{key} must be a number; got {value!r}")
    return value
