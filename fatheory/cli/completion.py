"""What the shell offers after Tab: presets, keys of experiments, rules, methods and kinds.

Shells ask in a process of their own, so each of these imports what it needs and no more. Whatever
goes wrong there is nobody's business: nothing is offered.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Offers = Callable[[Any, str], Iterable[str]]
Complete = Callable[[Any, str], list[str]]


def _quiet(offers: Offers) -> Complete:
    """Offer what begins with what was typed; nothing where it cannot be known."""

    # Typer knows by the names what to pass: a context, of which it has a class of its own.
    def complete(ctx: Any, incomplete: str) -> list[str]:
        try:
            return [word for word in offers(ctx, incomplete) if word.startswith(incomplete)]
        except Exception:  # a traceback would end up in the middle of the line that is typed
            return []

    complete.__doc__ = offers.__doc__
    return complete


def among(*words: str) -> Complete:
    """Return what offers these words."""

    def offers(ctx: Any, incomplete: str) -> Iterable[str]:
        del ctx, incomplete
        return words

    return _quiet(offers)


@_quiet
def presets(ctx: Any, incomplete: str) -> Iterable[str]:
    """Offer presets."""
    del ctx, incomplete
    from fatheory.experiment import presets as known

    return known


@_quiet
def methods(ctx: Any, incomplete: str) -> Iterable[str]:
    """Offer methods of solve."""
    del ctx, incomplete
    from fatheory.theory import known_methods

    return known_methods()


@_quiet
def settings(ctx: Any, incomplete: str) -> Iterable[str]:
    """Offer keys of the experiment that was named before, and rules after ``rule=``."""
    key, equals, _ = incomplete.partition("=")
    return _values(key) if equals else (f"{key}=" for key in _keys(ctx))


@_quiet
def axes(ctx: Any, incomplete: str) -> Iterable[str]:
    """Offer keys for an axis: those of the experiment, and learning rates of all rules."""
    del incomplete
    return (f"{key}=" for key in ("rules.*.learning_rate", *_keys(ctx)))


@_quiet
def rules_of_archive(ctx: Any, incomplete: str) -> Iterable[str]:
    """Offer the labels of rules in the archive that was named before."""
    del incomplete
    return _of_archive(ctx, lambda stored: map(str, stored["rule"].values))


@_quiet
def variables_of_archive(ctx: Any, incomplete: str) -> Iterable[str]:
    """Offer the variables of the archive that was named before that belong to steps."""
    del incomplete
    return _of_archive(
        ctx, lambda stored: (str(n) for n, v in stored.data_vars.items() if "step" in v.dims)
    )


def _keys(ctx: Any) -> Iterator[str]:
    """Go through the keys that ``--set`` takes, of what was named first."""
    from fatheory.cli.settings import asked_experiment
    from fatheory.experiment.description import rows

    named = ctx.params.get("preset") or ctx.params.get("asked") or "lillicrap2016/fig2"
    for key, _ in rows(asked_experiment(str(named), [], None)):
        yield key


def _values(key: str) -> Iterable[str]:
    if not key.endswith(".rule"):
        return ()
    from fatheory.rules import known_rules

    return (f"{key}={name}" for name in known_rules())


def _of_archive(ctx: Any, words: Callable[[Any], Iterable[str]]) -> Iterable[str]:
    from fatheory.archive import load

    return words(load(ctx.params["archive"], verify=False))
