"""What is asked by a sweep: axes, cells, names, and what is refused."""

import json
import re

import numpy as np
import pytest
from sweep_examples import RATES, small, sweep

from fatheory.errors import InvalidExperimentError, OverwrittenAxisWarning
from fatheory.experiment import ExponentialDecay
from fatheory.sweep import Axis, Sweep
from fatheory.sweep.settings import with_all_settings

DEPTHS = {
    "one layer": {"network.hidden": [3]},
    "two layers": {"network.hidden": [3, 4], "rules": {"usf": {"learning_rate": 0.01}}},
}


def experiments(asked):
    return [cell.experiment for cell in asked.cells()]


def test_zero_and_minus_zero_are_one_point():
    with pytest.raises(InvalidExperimentError, match="values must differ from each other"):
        sweep({"task.noise": [0.0, -0.0]})


def test_cells_are_all_combinations_the_last_axis_running_fastest():
    asked = sweep({RATES: [0.01, 0.02, 0.03], "root_seed": [5, 7]})
    assert asked.shape == (3, 2)
    assert [cell.place for cell in asked.cells()] == [
        (0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)
    ]  # fmt: skip
    assert [(e.learning_rates, e.root_seed) for e in experiments(asked)] == [
        ((rate, rate), seed) for rate in (0.01, 0.02, 0.03) for seed in (5, 7)
    ]
    assert [cell.content_hash for cell in asked.cells()] == [
        e.content_hash for e in experiments(asked)
    ]


def test_keys_share_a_value_and_labels_bring_settings():
    width = {"width": {"keys": ["network.hidden.0", "task.inputs"], "values": [5, 6]}}
    with pytest.warns(OverwrittenAxisWarning, match=r"'width' .* sets 'network.hidden.0' again"):
        asked = sweep(width | {"depth": DEPTHS})
    assert [(e.network.hidden, e.task.inputs) for e in experiments(asked)] == [
        ((3,), 5), ((3, 4), 5), ((3,), 6), ((3, 4), 6)
    ]  # fmt: skip
    assert [e.rule_labels for e in experiments(asked)][:2] == [
        ("backprop", "feedback_alignment"),
        ("usf",),
    ]


SIZES = {"size": {"network.hidden.0": [5, 6], RATES: [0.1, 0.2]}}


def test_keys_move_together_each_with_values_of_its_own():
    asked = sweep(SIZES | {"root_seed": [1, 2]})
    assert asked.shape == (2, 2)
    assert [(e.network.hidden, e.learning_rates[0], e.root_seed) for e in experiments(asked)] == [
        ((5,), 0.1, 1), ((5,), 0.1, 2), ((6,), 0.2, 1), ((6,), 0.2, 2)
    ]  # fmt: skip
    axis = dict(asked.axes)["size"]
    assert axis.coordinate.tolist() == ["5, 0.1", "6, 0.2"]
    assert {key: own.tolist() for key, own in axis.beside.items()} == SIZES["size"]
    assert "size: 5, 0.1, 6, 0.2 (2)" in repr(asked)


def test_json_gives_keys_that_move_together_back():
    asked = sweep(SIZES)
    assert json.loads(asked.to_json())["axes"] == SIZES
    back = Sweep.from_json(asked.to_json())
    assert (back, back.content_hash) == (asked, asked.content_hash)
    turned = sweep({"size": dict(reversed(SIZES["size"].items()))})
    assert turned.content_hash != asked.content_hash  # later keys see earlier ones
    # Of one key it is the plain axis.
    assert sweep({"rate": {RATES: [0.1]}}) == sweep({"rate": {"keys": [RATES], "values": [0.1]}})


def test_hashes_of_other_axes_are_those_of_earlier_versions():
    plain = dict(sweep({RATES: [0.1]}).axes)[RATES]
    assert plain.canonical() == {"keys": [RATES], "values": [0.1], "settings": []}


def test_every_entry_is_looked_for_in_what_was_set_before():
    after = sweep({"depth": DEPTHS, RATES: [0.5]})
    with pytest.warns(OverwrittenAxisWarning, match=f"{RATES!r} comes before 'depth'"):
        before = sweep({RATES: [0.5], "depth": DEPTHS})
    assert [e.learning_rates for e in experiments(after)] == [(0.5, 0.5), (0.5,)]
    # A later axis that brings its own rules has the last word.
    assert [e.learning_rates for e in experiments(before)] == [(0.5, 0.5), (0.01,)]


def test_every_entry_of_lists_and_of_labels_with_dots():
    base = small(
        rules={"frsf 0.75": {"rule": "frsf", "learning_rate": 0.1}, "usf": 0.1},
        schedule={"phases": [{"steps": 3}, {"steps": 4}]},
    )
    changed = with_all_settings(base, {RATES: 0.3, "schedule.phases.*.steps": 9})
    assert changed.learning_rates == (0.3, 0.3)
    assert [phase.steps for phase in changed.schedule.phases] == [9, 9]


def test_a_label_that_begins_like_another_is_not_taken_for_it():
    last = {"layers": {"last": {"rule": "feedback_alignment"}}}
    own = {"rule": "usf", "learning_rate": 0.1}
    base = small(rules={"usf": own, "usf.b": own | last})
    changed = with_all_settings(base, {"rules.usf.b.layers.*.scale": 0.75})
    assert dict(changed.rules)["usf.b"].at(2, 2).make().scale == 0.75


def test_a_later_axis_has_the_last_word_on_a_key_of_an_earlier_one():
    axes = {
        "network.hidden": [[3]],
        "network.hidden.0": [7],
        "whole": {"keys": ["network.hidden"], "values": [[9, 9]]},
    }
    with pytest.warns(OverwrittenAxisWarning) as told:
        asked = sweep(axes)
    assert {
        re.search(r"axis '(.*?)' .* before '(.*?)'", str(w.message)).groups() for w in told
    } == {
        ("network.hidden", "network.hidden.0"),
        ("network.hidden", "whole"),
        ("network.hidden.0", "whole"),
    }
    assert [e.network.hidden for e in experiments(asked)] == [(9, 9)]


def test_cells_are_the_same_however_often_they_are_made():
    """What one cell set inside a value of an axis was there for all cells that were made later."""
    axes = {
        "base": {"a": {"rules": {"backprop": {"learning_rate": 0.1}}}},
        "haste": {"none": {}, "fast": {"rules.backprop.learning_rate": 0.5}},
    }
    asked = sweep(axes)
    before = asked.content_hash
    for _ in range(2):
        assert [e.learning_rates for e in experiments(asked)] == [(0.1,), (0.5,)]
    assert asked.content_hash == before == sweep(axes).content_hash
    assert axes["base"]["a"]["rules"] == {"backprop": {"learning_rate": 0.1}}
    values = {"network.hidden": [3], "network.hidden.0": 7}
    assert small().with_settings(values).network.hidden == (7,)
    assert values["network.hidden"] == [3]


WHOLE = {"rules": [{"feedback_alignment": {"learning_rate": 0.01}}]}


@pytest.mark.parametrize(
    ("axes", "lost"),
    [
        ({"rate": {"keys": [RATES], "values": [0.1]}, RATES: [0.2]}, True),
        ({RATES: [0.1], "rules.backprop.learning_rate": [0.2]}, True),
        ({"rules.backprop.learning_rate": [0.1], RATES: [0.2]}, True),
        ({RATES: [0.1], "rules.backprop": [{"rule": "backprop", "learning_rate": 0.2}]}, True),
        ({RATES: [0.01, 0.2]} | WHOLE, True),
        ({"root_seed": [1, 2], "seed of all": {"again": {"root_seed": 2}}}, True),
        (WHOLE | {RATES: [0.2]}, True),
        # What is set again to what it was, or beside it, is true; and words do not say what is in
        # them.
        ({RATES: [0.01]} | WHOLE, False),
        (WHOLE | {RATES: [0.01]}, False),
        ({"depth": DEPTHS, RATES: [0.2]}, False),
        ({"root_seed": [2], "seed of all": {"again": {"root_seed": 2}}}, False),
        ({RATES: [0.1, 0.2], "rules.feedback_alignment.scale": [0.5]}, False),
        ({"network.hidden": [[3], [4]], "network.hidden.0": [7]}, True),
        ({"network.start.bound": [0.1, 0.2], "network.hidden": [[3], [4]]}, False),
    ],
)
def test_labels_that_later_axes_make_untrue_are_told(axes, lost):
    """A cell says of itself what its axes do, and was run with the last of them."""
    names = list(axes)
    if not lost:
        sweep(axes)
        return
    words = rf"{re.escape(repr(names[0]))} comes before {re.escape(repr(names[1]))}, which sets"
    with pytest.warns(OverwrittenAxisWarning, match=words) as told:
        sweep(axes)
    assert len(told) == 1
    assert told[0].filename == __file__ or "sweep_examples" in told[0].filename


def test_every_entry_of_nothing_is_refused():
    with pytest.raises(InvalidExperimentError, match=r"rulez\.\*\.learning_rate: nothing is there"):
        with_all_settings(small(), {"rulez.*.learning_rate": 0.1})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], np.array([1, 2])),
        ([1, 2.5], np.array([1.0, 2.5])),
        (["tanh", "linear"], np.array(["tanh", "linear"])),
        ([[3], [3, 4]], np.array(["[3]", "[3, 4]"])),
        ([None, {"kind": "cosine"}], np.array(["null", '{"kind": "cosine"}'])),
        ([True, False], np.array(["true", "false"])),
        (["none", 0.5], np.array(["none", "0.5"])),
    ],
)
def test_coordinates_are_numbers_and_strings_or_json(values, expected):
    found = Axis(keys=("any.key",), values=values).coordinate
    assert found.dtype.kind == expected.dtype.kind
    np.testing.assert_array_equal(found, expected)


def test_values_of_numpy_and_parts_of_experiments_are_taken():
    asked = sweep(
        {
            RATES: np.geomspace(0.01, 0.1, 3),
            "schedule.decay": [ExponentialDecay(factor=0.5, every=10)],
        }
    )
    assert [e.learning_rates[0] for e in experiments(asked)] == np.geomspace(0.01, 0.1, 3).tolist()
    assert experiments(asked)[0].schedule.decay == ExponentialDecay(factor=0.5, every=10)


@pytest.mark.filterwarnings("ignore::fatheory.errors.OverwrittenAxisWarning")
def test_json_gives_the_sweep_back():
    asked = sweep({RATES: [0.01, 1], "depth": DEPTHS, "schedule.decay": [None]})
    back = Sweep.from_json(asked.to_json())
    assert back == asked
    assert back.content_hash == asked.content_hash
    assert json.loads(asked.to_json())["axes"]["depth"] == DEPTHS


def test_the_hash_changes_with_values_and_the_order_of_axes_but_not_with_the_name():
    one = sweep({RATES: [0.1], "root_seed": [1, 2]})
    assert sweep({RATES: [0.1], "root_seed": [1, 2]}, name="other").content_hash == one.content_hash
    others = [
        sweep({RATES: [0.2], "root_seed": [1, 2]}),
        sweep({"root_seed": [1, 2], RATES: [0.1]}),
        sweep({RATES: [0.1], "root_seed": [1, 2]}, precision="float32"),
    ]
    assert one.content_hash not in {other.content_hash for other in others}


def test_axes_are_added_and_replaced():
    asked = sweep({RATES: [0.1]}).with_axes({"root_seed": [1, 2], RATES: [0.2, 0.3]})
    assert asked == sweep({RATES: [0.2, 0.3], "root_seed": [1, 2]})


@pytest.mark.filterwarnings("ignore::fatheory.errors.OverwrittenAxisWarning")
def test_it_prints_its_size_and_axes():
    shown = repr(sweep({RATES: [0.01 * i for i in range(1, 9)], "depth": DEPTHS}))
    assert "8 x 2 cells" in shown
    assert f"{RATES}: 0.01, 0.02, 0.03, …, 0.08 (8)" in shown
    assert "depth: one layer, two layers (2)" in shown
    assert "network.hidden: [3]" in shown


def test_a_cell_that_is_no_experiment_says_why():
    good, bad = sweep({RATES: [0.1, -1.0]}).cells()
    assert (good.error, bad.experiment, bad.content_hash) == ("", None, "")
    assert "rules.backprop.learning_rate" in bad.error
    assert "got -1.0" in bad.error


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({}, ["axes", "must not be empty"]),
        ({RATES: []}, [RATES, "must not be empty"]),
        ({RATES: 0.1}, [RATES, "an axis is a list of values", "got 0.1"]),
        ({RATES: "0.1"}, [RATES, "an axis is a list of values", "got '0.1'"]),
        ({"a": {"keys": [], "values": [1]}}, ["a", "keys must not be empty"]),
        ({"a": {"one": 1}}, ["a", "an axis is a list of values"]),
        ({RATES: [0.1, 0.2, 0.1]}, [RATES, "must differ", "['0.1']"]),
        ({RATES: [1, 1.0]}, [RATES, "must differ"]),
        ({"a": {"keys": ["name"], "values": ["1", 1]}}, ["a", "must differ", "['1']"]),
        ({RATES: [float("nan")]}, [RATES, "finite", "nan"]),
        (
            {"a": {RATES: [0.1, 0.2], "root_seed": [1]}},
            ["a", "equally many", f"{RATES} has 2, root_seed has 1"],
        ),
        ({"a": {RATES: [], "root_seed": []}}, ["a", "must not be empty"]),
        ({"a": {RATES: [0.1, 0.1], "root_seed": [1, 1]}}, ["a", "must differ"]),
        ({"a": {RATES: [0.1, 0.2], "root_seed": 1}}, ["a", "an axis is a list of values"]),
        (
            {RATES: {RATES: [0.1], "root_seed": [1]}},
            [RATES, "names an axis, or moves with another one, already"],
        ),
        ({RATES: [object()]}, [RATES, "JSON", "object"]),
        ({"a/b": {"keys": [RATES], "values": [0.1]}}, ["a/b", "without '/'"]),
        ({RATES: [-1, -2]}, ["no cell is a valid experiment", "got -1", "got -2"]),
        ({"rules.backprop.rate": [1]}, ["no cell is a valid", "rules.backprop", "'rate'"]),
        ({"root_seed": range(400), "seeds": range(1, 400)}, ["100000 cells at most", "159600"]),
    ],
)
def test_what_is_no_sweep_is_refused(axes, words):
    with pytest.raises(InvalidExperimentError) as refused:
        sweep(axes)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        *("learning_rate", "seed", "step", "loss", "weight_3", "unit_0", "unit_0_twin"),
        *("sample", "kernel_row_2", "channel_1", "status", "error", "experiment_hash"),
    ],
)
def test_names_of_archives_are_refused_and_another_is_proposed(name):
    with pytest.raises(InvalidExperimentError, match=f"something else {name!r}") as refused:
        sweep({name: {"keys": [RATES], "values": [0.1]}})
    assert f"name the axis {RATES!r}" in str(refused.value)
    with pytest.raises(InvalidExperimentError, match=f"name the axis '{name} axis'"):
        sweep({name: {"a": {RATES: 0.1}}})


def test_the_base_need_not_be_a_cell():
    asked = sweep({RATES: [0.1, 0.2]})
    assert small().content_hash not in {cell.content_hash for cell in asked.cells()}
