"""What notebooks show: tables in which nothing is obeyed, names without modules, bars."""

import importlib
import re
import sys
from types import ModuleType, SimpleNamespace

import pytest

import fatheory as fa
from fatheory.claims import ENTRIES, Claim, Row, Verdict
from fatheory.markup import escaped, heading, table
from fatheory.tasks.registry import TASKS
from fatheory.train import notebook
from fatheory.train.progress import progress_bar

ROOMS = (
    *("archive", "claims", "comparison", "experiment", "figures", "geometry", "initial"),
    *("interchange", "metrics", "networks", "plot", "quantities", "reproduction", "rules"),
    *("sweep", "tasks", "theory", "train", "updates"),
)
ATTACK = "<img src=x onerror=alert(1)>$x$&\"'"


def views():
    """Something of every kind that notebooks show, with names that a browser would obey."""
    preset = fa.presets["lillicrap2016/fig2"]
    asked = fa.Experiment(
        **dict(preset) | {"name": ATTACK, "rules": {ATTACK: preset.rules["backprop"]}}
    )
    return {
        "experiment": asked,
        "network": asked.network,
        "rules": asked.rules,
        "rule": fa.rules.make_rule("frsf", concordance=0.75),
        "sweep": fa.Sweep(experiment=asked, axes={ATTACK: {"keys": ["root_seed"], "values": [1]}}),
        "presets": fa.presets,
        "claim": Claim.at_most(ATTACK, 1.0, 2.0),
        "ledger": Row(ENTRIES[0], None, Verdict.NOT_RUN, reason=ATTACK),
        "catalogue": fa.theory.catalogue(),
        "known rules": fa.rules.known_rules(),
        "known quantities": fa.quantities.known_quantities(),
        "known methods": fa.theory.known_methods(),
        "known tasks": TASKS.known(),
    }


@pytest.mark.parametrize("kind", views())
def test_nothing_that_is_shown_is_obeyed(kind):
    shown = views()[kind]._repr_html_()
    assert "<img" not in shown
    tags = set(re.findall(r"<(/?[a-z]+)", shown))
    own = {"style", "div", "b", "code", "table", "tr", "td", "th", "br", "details", "summary"}
    assert {tag.lstrip("/") for tag in tags} <= own
    for tag in own - {"br"}:
        assert shown.count(f"<{tag}>") + shown.count(f"<{tag} ") == shown.count(f"</{tag}>")


def test_what_was_named_is_shown():
    shown = {kind: value._repr_html_() for kind, value in views().items()}
    for kind in ("experiment", "rules", "sweep", "claim", "ledger"):
        assert escaped(ATTACK) in shown[kind], kind
    assert "0.75" in shown["rule"]
    assert "learning_rate = 0.013" in shown["rules"]
    assert "RuleChoice" not in shown["rules"]
    assert "lillicrap2016/fig2" in shown["presets"]


@pytest.mark.parametrize("kind", ["rules", "quantities", "methods", "tasks"])
def test_what_is_known_is_listed_with_a_line_on_each(kind):
    known = views()[f"known {kind}"]
    shown = known._repr_html_()
    assert f"<b>Known {kind}</b>" in shown
    for name, part in known.items():
        assert f"<td>{name}</td>" in shown
        line = next(line for line in repr(known).splitlines() if line.startswith(f"{name} "))
        assert len(line) > len(name) + 12, part
    assert known == dict(known)
    assert known._ipython_key_completions_() == list(known)


def test_text_is_escaped_and_formulas_are_not_typeset():
    assert escaped("a<b\n$x$") == "a&lt;b<br>&#36;x&#36;"
    assert heading("Rule", "x", code="&") == "<div><b>Rule</b> x <code>&amp;</code></div>"
    assert "<th" not in table([("a", 1)])


def test_statements_are_shown_as_formulas():
    entry = fa.theory.find_entry("flow")
    shown = entry._repr_markdown_()
    assert f"$$\n{entry.statement}\n$$" in shown
    assert entry.function in shown


@pytest.mark.parametrize("room", ROOMS)
def test_completion_offers_names_and_no_modules(room):
    module = importlib.import_module(f"fatheory.{room}")
    offered = dir(module)
    assert offered
    assert offered == sorted(offered)
    for name in offered:
        assert not name.startswith("_")
        assert not isinstance(getattr(module, name), ModuleType), name


@pytest.fixture
def shown(monkeypatch):
    """A notebook whose looks of bars are collected, and whose clock ticks at every look at it."""
    looks, clock = [], iter(range(10_000))

    def display(value, display_id):
        looks.append(repr(value))
        return SimpleNamespace(update=lambda later: looks.append(repr(later)))

    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython.core.getipython", shell)
    monkeypatch.setattr(notebook.time, "monotonic", lambda: float(next(clock)))
    return looks


def test_bars_are_shown_by_themselves_in_notebooks(shown):
    with progress_bar(None, "training", 2000) as bar:
        for _ in range(4):
            bar.advance(500)
    assert shown[0].startswith("training  500 / 2,000 steps, 1 s, left 3 s") or len(shown) == 5
    assert shown[-1].startswith("training: 2,000 steps in ")


def test_a_bar_says_where_an_interrupt_stopped_it(shown):
    def interrupted():
        with progress_bar(None, "training", 2000) as bar:
            bar.advance(500)
            bar.advance(500)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert shown[-1].startswith("training stopped at 1,000 / 2,000 steps after ")


def test_a_bar_can_be_had_off_and_short_runs_show_none(shown, monkeypatch):
    with progress_bar(False, "training", 10) as bar:
        bar.advance(10)
    monkeypatch.setattr(notebook.time, "monotonic", lambda: 0.0)
    with progress_bar(None, "training", 10) as bar:
        bar.advance(10)
    assert shown == []


def test_an_interrupted_run_in_memory_says_how_to_keep_the_next(monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules[fa.simulate.__module__], "train_many", interrupted)
    with pytest.raises(KeyboardInterrupt) as stop:
        fa.simulate(fa.presets["lillicrap2016/fig2"])
    assert "path='run.zarr'" in stop.value.__notes__[0]
