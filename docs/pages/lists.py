"""What there is by name: presets, rules, quantities, methods, tasks."""

from pathlib import Path

from fatheory.experiment import presets
from fatheory.quantities import quantity_table
from fatheory.rules import known_rules
from fatheory.rules.parameter import written
from fatheory.tasks import TASKS
from fatheory.theory import known_methods
from pages.markdown import code, literal, table


def list_pages(folder: Path) -> dict[str, str]:
    """Return the page of the lists."""
    del folder
    parts = (_presets(), _rules(), _quantities(), _methods(), _tasks())
    text = "\n".join(f"## {title}\n\n{body}" for title, body in parts)
    return {
        "lists.md": "# What there is\n\n`fatheory list` prints the same; what packages of your own "
        f"bring joins these lists.\n\n{text}"
    }


def _presets() -> tuple[str, str]:
    rows = [(code(name), literal(presets.summary(name))) for name in presets]
    return "Presets", table(("name", "what"), rows)


def _rules() -> tuple[str, str]:
    rows = [
        (
            code(name),
            literal(rule.summary),
            ", ".join(code(f"{key} = {written(v)}") for key, v in rule.parameters().items()),
            literal(rule.source),
        )
        for name, rule in known_rules().items()
    ]
    return "Learning rules", table(("name", "what", "parameters", "source"), rows)


def _quantities() -> tuple[str, str]:
    rows = [
        (code(name), literal(what), literal(units), literal(needs))
        for name, what, units, needs in quantity_table()
    ]
    return "Quantities to record", table(("name", "what", "units", "needs"), rows)


def _methods() -> tuple[str, str]:
    rows = [
        (code(name), literal(method.summary), literal(method.regime), literal(method.source))
        for name, method in known_methods().items()
    ]
    return "Methods of solve", table(("name", "what", "knows", "source"), rows)


def _tasks() -> tuple[str, str]:
    rows = [
        (code(name), literal((kind.__doc__ or "").partition("\n")[0]))
        for name, kind in TASKS.known().items()
    ]
    return "Tasks", table(("kind", "what"), rows)
