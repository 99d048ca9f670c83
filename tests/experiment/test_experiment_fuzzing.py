"""Whatever an experiment is read from, it is valid and usable or refused by an error of ours."""

import copy
import itertools
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fatheory.errors import FatheoryError, InvalidExperimentError
from fatheory.experiment import Experiment, presets
from fatheory.experiment.json_text import MAX_DEPTH, read_json

CASES = pytest.mark.parametrize("cases", [150, pytest.param(1500, marks=pytest.mark.slow)])

SMALL = {
    "task": {"inputs": 4, "outputs": 2, "samples": 6},
    "network": {"hidden": [3, 3]},
    "rules": {"backprop": 0.1, "half": {"rule": "frsf", "learning_rate": 1, "concordance": 0.5}},
    "schedule": {"phases": [{"steps": 10}, {"steps": 5, "frozen": [1]}], "batch_size": 2},
}
FOLDER = {
    "kind": "images",
    "dataset": "folder/a@8x8",
    "contents": {
        "train": 20,
        "test": 5,
        "validation": 2,
        "shape": [8, 8, 3],
        "class_names": ["a", "b"],
    },
}
BASES = [
    *(json.loads(presets[name].to_json()) for name in presets),
    SMALL,
    json.loads(Experiment(**SMALL).to_json()),
    SMALL | {"task": FOLDER},
    SMALL | {"network": {"hidden": [3]}, "rules": {"usf": {"learning_rate": 1, "layers": {}}}},
]
DEEP = "<deep>"
"""Stands for what `json.dumps` could not write."""


def fuzz(cases):
    """Run so many cases, the same ones at every run."""
    return settings(
        max_examples=cases,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def nested(levels):
    value = 1
    for k in range(levels):
        value = [value] if k % 2 else {"distribution": value}
    return value


numbers = [0, -1, 1, 2, 7, 2**31, 2**53, 2**53 + 1, 2**63, 10**12, 10**18, 10**30, 10**400]
numbers += [-0.0, 0.5, 1.0, 5e-324, 1e308, float("nan"), float("inf"), True, False, None]
words = [
    "",
    "last",
    "name",
    "self",
    "rule",
    "kind",
    "distribution",
    "\ud800",
    "\0",
    "[/b]",
    "é",
    "9" * 5000,
]
words += [
    "mnist",
    "folder/",
    "folder/x",
    "folder/../x",
    "folder/a@0x0",
    "folder/\0",
    "folder/\ud800",
]
words += [f"folder/{'a' * 3000}", f"folder/a@{'9' * 5000}x2", "x" * 3000, DEEP]
structures = [[], {}, [[]], {"": {}}, {"rule": "usf"}, {"2": {"rule": "usf"}}, [["scale", 1]]]
structures += [
    [[1, 2]],
    {"kind": "images"},
    {"distribution": []},
    [1] * 50,
    nested(40),
    nested(200),
]

junk = (
    st.sampled_from([*numbers, *words, *structures]) | st.integers() | st.floats() | st.text()
).map(copy.deepcopy)
keys = st.sampled_from([*words, *"0123", "steps", "layers", "hidden", "parameters", "scale"])


def places(node):
    """Every container in `node` with every key in it."""
    inside = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
    found = [(node, key) for key, _ in inside]
    for _, value in inside:
        if isinstance(value, dict | list):
            found += places(value)
    return found


def changed(draw, base, changes):
    data = copy.deepcopy(base)
    for _ in range(draw(st.integers(1, changes))):
        open_places = places(data)
        if not open_places:
            break
        node, key = draw(st.sampled_from(open_places))
        how = draw(st.sampled_from(["replace", "replace", "delete", "copy", "add"]))
        if how == "replace":
            node[key] = draw(junk)
        elif how == "delete":
            del node[key]
        elif how == "copy":
            other, at = draw(st.sampled_from(open_places))
            node[key] = copy.deepcopy(other[at]) if key in keys_of(node) else None
        elif isinstance(node, dict):
            node[draw(keys)] = draw(junk)
        else:
            node.insert(key, draw(junk))
    return data


def keys_of(node):
    return node if isinstance(node, dict) else range(len(node))


@st.composite
def mutants(draw, changes=3):
    return changed(draw, draw(st.sampled_from(BASES)), changes)


@st.composite
def texts(draw):
    """JSON near that of an experiment, cut, spliced and with a key given twice."""
    text = json.dumps(draw(mutants(changes=1)))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        stop = draw(st.integers(start, min(start + 20, len(text))))
        piece = draw(st.sampled_from(["", "{", "]", '"', "NaN", "-", "1e999", '"seeds":3,', "\\u"]))
        text = text[:start] + piece + text[stop:]
    text = text.replace(json.dumps(DEEP), draw(st.sampled_from(["[" * 99 + "]" * 99, "[" * 9999])))
    return draw(
        st.sampled_from([text, text.encode(), text.encode("utf-16"), b"\xff" + text.encode()])
    )


def assert_usable(asked):
    again = Experiment.from_json(asked.to_json())
    assert again == asked
    assert again.content_hash == asked.content_hash
    assert repr(asked).isprintable() or "\n" in repr(asked)
    assert asked._repr_html_()
    grid = asked.snapshot_steps
    assert (grid[0], grid[-1]) == (0, asked.schedule.steps)
    assert all(before < after for before, after in itertools.pairwise(grid))
    assert len(asked.weight_shapes) == asked.layers == len(asked.sizes) - 1


def outcome(make, seen):
    """Make an experiment and use it, and count what came of it."""
    try:
        asked = make()
    except FatheoryError:
        seen["refused"] += 1
        return
    assert_usable(asked)
    seen["valid"] += 1


def assert_both(seen, cases):
    """A test in which nothing is refused, or nothing gets through, would test little."""
    assert sum(seen.values()) >= cases
    assert min(seen["valid"], seen["refused"]) >= cases / 50


@CASES
def test_changed_presets_are_valid_or_refused(cases):
    seen = Counter()

    @fuzz(2 * cases)
    @given(data=mutants())
    def check(data):
        text = json.dumps(data).replace(json.dumps(DEEP), json.dumps(nested(900)))
        outcome(lambda: Experiment.from_json(text), seen)

    check()
    assert_both(seen, cases)


@CASES
def test_values_of_python_are_valid_or_refused(cases):
    seen = Counter()
    strange = junk | st.sampled_from(
        [
            10**5000,
            nested(3000),
            {1: 2},
            {"rule": 3},
            b"x",
            np.float64(2),
            np.int64(3),
            np.zeros(2),
            1j,
        ]
    )

    @fuzz(cases)
    @given(data=mutants(), field=st.sampled_from(sorted(Experiment.model_fields)), value=strange)
    def check(data, field, value):
        node = data.get(field)
        if isinstance(node, dict) and node:
            node[sorted(node)[0]] = value
        else:
            data[field] = value
        outcome(lambda: Experiment(**data), seen)

    check()
    assert seen["refused"] >= cases / 2


@CASES
def test_text_and_bytes_are_valid_or_refused(cases):
    seen = Counter()

    @fuzz(2 * cases)
    @given(text=texts() | st.text() | st.binary())
    def check(text):
        outcome(lambda: Experiment.from_json(text), seen)

    check()
    assert_both(seen, cases)


@st.composite
def dotted_keys(draw, data):
    """Keys that exist, with a part changed, left out or added."""
    parts = []
    node = data
    while isinstance(node, dict | list) and node and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(list(keys_of(node))))
        parts.append(str(key))
        node = node[key]
    if draw(st.integers(0, 2)) == 0:
        parts.insert(draw(st.integers(0, len(parts))), draw(keys | st.text(max_size=3)))
    return ".".join(parts)


@CASES
def test_settings_are_valid_or_refused(cases):
    asked = [Experiment(**SMALL), *presets.values()]
    dumps = [json.loads(one.to_json()) for one in asked]
    seen = Counter()

    @fuzz(2 * cases)
    @given(st.data())
    def check(data):
        k = data.draw(st.integers(0, len(asked) - 1))
        changes = data.draw(st.dictionaries(dotted_keys(dumps[k]), junk, max_size=3))
        outcome(lambda: asked[k].with_settings(changes), seen)

    check()
    assert_both(seen, cases)


def refusal(data):
    with pytest.raises(InvalidExperimentError) as caught:
        Experiment.from_json(data if isinstance(data, str) else json.dumps(data))
    return dict(caught.value.problems)


@pytest.mark.parametrize("opening", ["[", '{"distribution":'])
def test_json_is_refused_where_it_is_nested_too_deeply(opening):
    assert refusal(opening * 100_000) == {"": "not JSON: lists and objects are nested too deeply"}


def test_the_depth_of_json_is_counted():
    assert read_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


def test_python_values_nested_too_deeply_are_refused():
    with pytest.raises(InvalidExperimentError, match="nested too deeply"):
        Experiment(**SMALL | {"rules": {"usf": {"rule": [nested(5000)], "learning_rate": 1}}})


def test_a_key_given_twice_is_refused():
    text = json.dumps(SMALL)[:-1] + ', "seeds": 3, "seeds": 4}'
    assert refusal(text) == {"": "not JSON: the key 'seeds' is given twice"}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": "\ud800"}, "name"),
        ({"rules": {"\ud800": {"rule": "usf", "learning_rate": 1}}}, "rules.0.0"),
        ({"task": FOLDER | {"dataset": "\ud800"}}, "task.dataset"),
        (
            {"task": FOLDER | {"contents": FOLDER["contents"] | {"class_names": ["\ud800"]}}},
            "task.contents.class_names.0",
        ),
    ],
)
def test_text_that_cannot_be_stored_is_refused(changes, path):
    assert refusal(SMALL | changes) == {path: "is text that cannot be stored; got '\\ud800'"}


def test_what_a_terminal_would_obey_is_shown_escaped():
    asked = Experiment(**SMALL | {"rules": {"\x1b[2J": {"rule": "usf", "learning_rate": 1}}})
    assert "\x1b" not in repr(asked)
    assert "rules.\\x1b[2J.rule: usf" in repr(asked)


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"record": {"snapshots": 10**12}}, "record.snapshots", "less than or equal to 1000000"),
        (
            {"network": {"hidden": [2**53 + 1]}},
            "network.hidden.0",
            f"less than or equal to {2**53}",
        ),
        ({"schedule": {"phases": [{"steps": 10**18}]}}, "schedule.phases.0.steps", "less than"),
        (
            {"schedule": {"phases": [{"steps": 2**53}, {"steps": 1}]}},
            "schedule",
            f"at most {2**53} steps together; got {2**53 + 1}",
        ),
    ],
)
def test_absurd_sizes_are_refused(changes, path, message):
    assert message in refusal(SMALL | changes)[path]


@pytest.mark.parametrize("spacing", ["linear", "logarithmic"])
def test_the_longest_run_has_a_grid(spacing):
    phases = {"phases": [{"steps": 2**53}]}
    asked = Experiment(**SMALL | {"schedule": phases, "record": {"spacing": spacing}})
    assert_usable(asked)


@pytest.mark.parametrize("name", ["name", "self", "\ud800", 1])
def test_parameters_of_any_name_are_looked_up(name):
    choice = {"rule": "usf", "learning_rate": 1, "parameters": [[name, 2]]}
    assert (
        f"unknown parameter of usf {str(name)!r}"
        in refusal(SMALL | {"rules": {"usf": choice}})["rules.usf"]
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation": 20}, "validation is a part of train, and smaller; got 20 of 20"),
        ({"shape": [8, 8, 4]}, "images have 3 colours or none; got the shape (8, 8, 4)"),
    ],
)
def test_contents_that_no_folder_has_are_refused(changes, message):
    contents = FOLDER["contents"] | changes
    found = refusal(SMALL | {"task": FOLDER | {"contents": contents}})
    assert found == {"task.contents": message}


def test_long_lists_are_cut_in_messages():
    assert len(refusal(SMALL | {"seeds": [1] * 10_000})["seeds"]) < 120
