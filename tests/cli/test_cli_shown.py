"""Whatever names hold, consoles show it and obey nothing of it."""

import contextlib
import csv
import io
import itertools
import json
import sys

import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fatheory as fa
from fatheory.cli import main
from fatheory.cli.console import shown
from fatheory.errors import DivergedWarning

ODD = [
    *("[/x]", "[b]frsf[/b] :smile:", "[link=x]", "\x1b[31mred\x1b[0m", "\x07\x08\r", "[0]"),
    *("\u202egnp.exe", "\u200b\u2066", "a\tb", "\x9b2J", "\x7f", "x" * 10_000, "ä ∠ 字"),
]
OBEYED = {*map(chr, range(32)), *map(chr, range(127, 160)), *"\u202a\u202e\u2066\u200f\u200b"} - {
    "\n"
}


def asked(label, name=""):
    return fa.Experiment(
        name=name,
        task={"inputs": 2, "outputs": 1},
        network={"hidden": [2]},
        rules={label: {"rule": "backprop", "learning_rate": 0.01}},
        schedule={"phases": [{"steps": 2}]},
        record={"snapshots": 2},
    )


def printed(*words):
    out, err = io.StringIO(), io.StringIO()
    former, sys.argv = sys.argv, ["fatheory", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as stop:
        if stop.code not in (None, 0, 1):
            pytest.fail(f"{words} end with {stop.code}: {err.getvalue()}")
    finally:
        sys.argv = former
    both = out.getvalue() + err.getvalue()
    assert not OBEYED & set(both), [c for c in OBEYED if c in both]
    assert "Traceback" not in both
    return out.getvalue(), err.getvalue()


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A run whose rule and name are replaced by whatever a test wants to see."""
    monkeypatch.chdir(tmp_path)
    run = fa.simulate(asked("RULE"))

    def store(label, name):
        one = run.assign_coords(rule=("rule", [label], run["rule"].attrs))
        one.attrs |= {"experiment": asked(label, name).to_json()}
        fa.save(one, tmp_path / "run", overwrite=True)
        (tmp_path / "asked.json").write_text(asked(label, name).to_json())

    return store


def seen(text):
    return "".join(text.split())


@pytest.mark.parametrize("label", ODD, ids=range(len(ODD)))
def test_labels_and_names_are_shown_in_full(label, stored):
    stored(label, label)
    wanted = seen(shown(label).plain)
    for words in (("inspect", "run"), ("list", "asked.json"), ("run", "asked.json", "--out", "x")):
        out, _ = printed(*words)
        # A table folds long cells over lines, of which each holds a part.
        assert wanted[:20] in seen(out) or len(label) > 60
    out, _ = printed("run", "asked.json", "--print")
    assert fa.Experiment.from_json(out) == asked(label)
    assert json.loads(out)["name"] == label


def test_labels_pass_comparison_export_and_repair(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rules = {label: {"rule": "backprop", "learning_rate": 0.01} for label in ODD}
    experiment = asked("x").replaced(rules=rules)
    fa.save(fa.solve(experiment), tmp_path / "a")
    (tmp_path / "b").mkdir()
    fa.save(
        fa.solve(experiment.replaced(rules=dict(reversed(rules.items())))), tmp_path / "b" / "c"
    )
    out, _ = printed("compare", "a", "b/c", "--out", "difference")
    assert all(seen(shown(label).plain)[:4] in seen(out) for label in ODD)
    assert fa.load(tmp_path / "difference")["rule"].values.tolist() == ODD[::-1]
    printed("archive", "export", "a", "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as exported:
        assert exported["rule"].values.tolist() == ODD
    (tmp_path / "a" / "rule" / "zarr.json").write_bytes(b"{}")
    assert "has 2 bytes instead of" in printed("archive", "check", "a")[0]
    assert "nothing was lost" in printed("archive", "repair", "a")[0]
    chunk = next(file for file in (tmp_path / "a" / "loss").glob("c.0.0.1"))
    chunk.write_bytes(b"\0")
    printed("archive", "repair", "a")
    repaired = fa.load(tmp_path / "a")
    assert (repaired["rule"].values.tolist(), repaired.sizes["step"]) == (ODD, 1)


def test_messages_show_what_was_typed():
    for word in ("[/x]", "[red]a[/]", "\x1b[2J", ":smile:"):
        _, err = printed("list", word)
        assert f"unknown preset {word!r}".encode().decode() in err
    _, err = printed("run", "lillicrap2016/fig2", "--set", "rules.[/x]=1")
    assert "[/x]" in err


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.mark.parametrize("cases", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_any_text_is_shown_and_not_obeyed(cases, stored):
    @settings(
        max_examples=cases,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(TEXT | st.sampled_from(ODD), TEXT)
    def run(label, word):
        assert not OBEYED & set(shown(label).plain)
        printed("list", "--", word)  # a word like -0 would be an option, and wrong usage
        printed("run", "lillicrap2016/fig2", "--print", "--set", f"name={json.dumps(label)}")
        printed("run", "lillicrap2016/fig2", "--print", "--set", f"{word}={label}")

    run()


COMMANDS = [
    *(["run"], ["solve"], ["inspect"], ["list"], ["compare", "a"], ["data", "verify"]),
    *(["data", "list"], ["theory", "list"], [], ["sweep"], ["sweep", "status"], ["sweep", "show"]),
    *(["archive", "check"], ["archive", "repair"], ["archive", "export", "a"]),
    *(["solve", "lillicrap2016/fig2", "--method"], ["run", "lillicrap2016/fig2", "--seeds"]),
    *(["sweep", "run", "lillicrap2016/fig2", "--print", "--axis"], ["sweep", "show", "x", "--x"]),
    *(["run", "lillicrap2016/fig2", "--print", "--set"], ["run", "x", "--out", "y"]),
]
FORMS = ["{}", "--{}", "{}=1", "name={}", "rules.{}.learning_rate=0.1", "{}.json"]
BROKEN = ["\ud800", "a\0b", "-", "--", "=", "[bold", "\\[x]", "[/]", "%s", "{0}", "$(x)"]


def said_of(command, form, word):
    """Carry out a command with a word at its end; nothing that is printed is obeyed."""
    out, err = io.StringIO(), io.StringIO()
    former, sys.argv = sys.argv, ["fatheory", *command, form.replace("{}", word)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as stop:
        if stop.code not in (0, 1, 2, None):
            pytest.fail(f"{command} {form} {word!r} end with {stop.code}")
    finally:
        sys.argv = former
    both = out.getvalue() + err.getvalue()
    assert not OBEYED & set(both), (command, form, word)
    assert "Traceback" not in both


def test_any_command_shows_odd_words_and_obeys_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = list(itertools.product(COMMANDS, [*ODD, *BROKEN]))
    for number, (command, word) in enumerate(pairs[::3]):
        said_of(command, FORMS[number % len(FORMS)], word)


@pytest.mark.slow
def test_any_command_shows_any_text_and_obeys_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    @settings(max_examples=3000, deadline=None, derandomize=True, database=None)
    @given(st.sampled_from(COMMANDS), st.sampled_from(FORMS), st.text(max_size=60))
    def run(command, form, word):
        said_of(command, form, word)

    run()


def test_sweeps_show_their_labels_and_obey_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    odd = ["[/x]", "\u202eb", "\x1b[31m", ":smile:", "x" * 10_000]
    diverges = {"rules.[b]r[/b]\x07.learning_rate": 1e6, "schedule.phases.0.steps": 200}
    described = asked("[b]r[/b]\x07").with_settings(diverges)
    sweep = fa.Sweep(experiment=described, axes={"name": odd})
    with pytest.warns(DivergedWarning):
        sweep.run(tmp_path / "s", progress=False)
    for words in (["status"], ["show"], ["show", "--csv"]):
        out, _ = printed("sweep", words[0], "s", *words[1:])
        if words[0] == "show":
            assert all(seen(shown(label).plain)[:4] in seen(out) for label in odd)
    printed("archive", "check", "s")
    printed("inspect", "s")
    rows = list(csv.reader(io.StringIO(printed("sweep", "show", "s", "--csv")[0])))
    assert [row[0] for row in rows[1:]] == [shown(label).plain for label in odd]
