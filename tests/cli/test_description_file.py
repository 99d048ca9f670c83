"""Descriptions in YAML, TOML and standard input are those of JSON, or are refused in words."""

import io
import json
import subprocess
import sys

import pytest

import fatheory as fa
from fatheory.cli.description_file import read_description, to_yaml
from fatheory.cli.settings import parse_setting
from fatheory.cli.sweep import parse_axis
from fatheory.errors import FatheoryError
from fatheory.sweep import Sweep

ASKED = fa.Experiment(
    name="small",
    task=fa.LinearTask(inputs=4, outputs=2),
    network=fa.DenseNetwork(hidden=(3,)),
    rules={"backprop": 1e-3, "feedback_alignment": {"learning_rate": 0.01, "scale": 0.5}},
    schedule=fa.Schedule(phases=(fa.Phase(steps=5),)),
    seeds=(0, 3),
)
TOML = """
name = "small"
seeds = [0, 3]
[task]
kind = "linear"
inputs = 4
outputs = 2
[network]
hidden = [3]
[rules]
backprop = 1e-3
[rules.feedback_alignment]
learning_rate = 0.01
scale = 0.5
[[schedule.phases]]
steps = 5
"""


@pytest.fixture
def given(monkeypatch):
    """Hand text to standard input."""

    def give(text):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return give


def experiment_in(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return fa.Experiment.from_json(read_description(str(tmp_path / name)))


def test_three_kinds_of_files_are_one_experiment(tmp_path):
    as_json = ASKED.to_json(indent=2)
    assert experiment_in(tmp_path, "a.json", as_json) == ASKED
    assert experiment_in(tmp_path, "a.yaml", to_yaml(as_json)) == ASKED
    assert experiment_in(tmp_path, "a.YML", to_yaml(as_json)) == ASKED
    assert experiment_in(tmp_path, "a.toml", TOML) == ASKED


def test_every_preset_survives_yaml(tmp_path):
    for name in fa.presets:
        asked = fa.presets[name]
        assert experiment_in(tmp_path, "a.yaml", to_yaml(asked.to_json())) == asked


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_is_printed_is_read_from_standard_input(fatheory, given, form):
    preset = "lillicrap2016/fig2"
    code, text, _ = fatheory("run", preset, "--print", "--format", form)
    assert code == 0
    assert text.startswith("{") == (form == "json")
    given(text)
    code, again, _ = fatheory("run", "-", "--print")
    assert (code, fa.Experiment.from_json(again)) == (0, fa.presets[preset])


def test_the_form_may_follow_print(fatheory):
    preset = "lillicrap2016/fig2"
    for words in (("--print", "yaml"), ("--print=yaml",)):
        code, text, _ = fatheory("run", preset, *words)
        assert (code, text.startswith("version: ")) == (0, True)
        _, text, _ = fatheory("sweep", "run", preset, *words, "--axis=root_seed=1,2")
        assert text.startswith("version: ")
    _, text, _ = fatheory("run", "--print", preset)
    assert text == fatheory("run", "--print", "json", preset)[1]
    assert fa.Experiment.from_json(text) == fa.presets[preset]


@pytest.mark.parametrize(
    ("text", "value"), [(".5", 0.5), ("5.", 5.0), ("+5", 5.0), ("5e-3", 0.005), ("5", 5)]
)
def test_settings_are_numbers_as_in_files(text, value):
    assert parse_setting(f"a.b={text}") == ("a.b", value)
    assert parse_axis(f"a.b={text},7") == ("a.b", [value, 7])


def test_whole_numbers_of_settings_keep_every_digit():
    key, seed = parse_setting("root_seed=+9007199254740993")
    assert (key, seed, type(seed)) == ("root_seed", 9007199254740993, int)


def test_settings_without_a_finite_value_are_refused():
    with pytest.raises(
        FatheoryError, match="root_seed is \\+1e999: numbers of descriptions are finite"
    ):
        parse_setting("root_seed=+1e999")


def test_a_sweep_comes_from_yaml_and_standard_input(fatheory, given, tmp_path):
    asked = Sweep(experiment=ASKED, axes={"rules.backprop.learning_rate": [0.01, 0.02]})
    text = to_yaml(asked.to_json())
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    for name in (tmp_path / "s.yaml", "-"):
        given(text)
        code, printed, _ = fatheory("sweep", "run", name, "--print")
        assert (code, Sweep.from_json(printed)) == (0, asked)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("010", 10),
        ("no", "no"),
        ("2020-01-01", "2020-01-01"),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("true", True),
        ("", None),
        (".5", 0.5),
        ("-3", -3),
        ("'1'", "1"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(tmp_path, text, value):
    (tmp_path / "a.yaml").write_text(f"x: {text}\n")
    found = json.loads(read_description(str(tmp_path / "a.yaml")))["x"]
    assert (found, type(found)) == (value, type(value))


BOMB = "a: &a [x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n"
    for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", BOMB, "anchors and aliases are not taken"),
        ("a.yaml", "x: !!python/object/apply:os.system ['true']", "tags are not taken"),
        ("a.yaml", "x: !mine 1", "tags are not taken"),
        ("a.yaml", "x: 1\nx: 2", "'x' is given twice"),
        ("a.yaml", "1: 2", "keys are text; got 1"),
        ("a.yaml", "? [1]\n: 2", "keys are text"),
        ("a.yaml", "x: [", "expected"),
        ("a.yaml", "[" * 50_000, "nested too deeply"),
        ("a.yaml", "{" * 100 + "}" * 100, "nested too deeply|keys are text"),
        ("a.yaml", "x: 1e999", "x is 1e999: numbers of descriptions are finite"),
        ("a.yaml", "task:\n  noise: -1e400\n  x: [0, 1e999]", r"task.noise is -1e400; task.x.1 is"),
        ("a.yaml", "x: 1\n--- \ny: 2", "expected a single document"),
        ("a.toml", "x = ", "Invalid value"),
        ("a.toml", "x = 2020-01-01", "is a date or time"),
        ("a.toml", "x = nan", "x is nan: numbers of descriptions are finite"),
        ("a.toml", "[task]\nnoise = inf", "task.noise is inf: numbers"),
        ("a.toml", "[[schedule.phases]]\nsteps = 1e400", "schedule.phases.0.steps is 1e400: num"),
        ("a.toml", "x = " + "[" * 50_000, "nested too deeply"),
        ("a.yaml", "\x00", "special characters are not allowed"),
        ("a.yaml", "", "it is empty"),
        ("a.toml", " \n", "it is empty"),
        ("a.json", "", "it is empty"),
        ("a.yaml", "# only this", "nothing but comments"),
    ],
)
def test_what_is_no_description_is_refused_in_words(fatheory, tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(FatheoryError, match=words):
        read_description(str(tmp_path / name))
    code, _, error = fatheory("run", tmp_path / name, "--print")
    assert (code, error.startswith("error: cannot read")) == (1, True)


def test_a_file_that_is_not_there(fatheory):
    code, _, error = fatheory("run", "nowhere.yaml")
    assert (code, "nowhere.yaml: No such file" in error) == (1, True)


def test_the_package_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "fatheory", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"fatheory {fa.__version__}\n"
