"""What an experiment refuses, and in which words."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import FatheoryError, InvalidExperimentError
from fatheory.experiment import Experiment, LinearTask, Phase, Record, RuleChoice

VALID = {
    "task": {"inputs": 4, "outputs": 2, "samples": 6},
    "network": {"hidden": [3, 3]},
    "rules": {"backprop": 0.1},
    "schedule": {"phases": [{"steps": 10}, {"steps": 5}], "batch_size": 2},
}


def problems(data):
    with pytest.raises(InvalidExperimentError) as caught:
        Experiment(**data)
    return dict(caught.value.problems)


def phases(*given):
    return {"phases": list(given)}


SIZES = [
    (lambda n: {"task": VALID["task"] | {"inputs": n}}, "task.inputs"),
    (lambda n: {"task": VALID["task"] | {"outputs": n}}, "task.outputs"),
    (lambda n: {"network": {"hidden": [3, n]}}, "network.hidden.1"),
    (lambda n: {"schedule": phases({"steps": n})}, "schedule.phases.0.steps"),
    (lambda n: {"schedule": phases({"steps": 1, "frozen": [n]})}, "schedule.phases.0.frozen.0"),
    (lambda n: {"schedule": VALID["schedule"] | {"batch_size": n}}, "schedule.batch_size"),
    (lambda n: {"record": {"probe_samples": n}}, "record.probe_samples"),
    (lambda n: {"record": {"snapshots": n}}, "record.snapshots"),
]


@pytest.mark.parametrize(("place", "path"), SIZES)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "greater than"),
        (-3, "greater than"),
        (True, "valid integer; got True"),
        (2.0, "valid integer; got 2.0"),
        (np.float64(2), "valid integer; got np.float64(2.0)"),
        ("2", "valid integer; got '2'"),
        (None, "valid integer; got None"),
    ],
)
def test_sizes_are_positive_integers(place, path, value, message):
    assert message in problems(VALID | place(value))[path]


@pytest.mark.parametrize("value", [0, 0.0, -0.1, np.nan, np.inf, -np.inf, 10**400])
def test_learning_rates_are_positive_and_finite(value):
    assert "got" in problems(VALID | {"rules": {"backprop": value}})["rules.backprop.learning_rate"]
    with pytest.raises(InvalidExperimentError, match="learning_rate"):
        RuleChoice(rule="usf", learning_rate=value)


@pytest.mark.parametrize("value", [True, "0.1", None, [0.1], 1j, np.array([0.1, 0.2])])
def test_learning_rates_are_numbers(value):
    found = problems(VALID | {"rules": {"backprop": value}})
    assert "valid number" in found["rules.backprop.learning_rate"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("task.noise", -0.1, "greater than or equal to 0; got -0.1"),
        ("task.noise", np.nan, "finite number; got nan"),
        ("task.noise", True, "valid number; got True"),
        ("task.spectrum_decay", np.inf, "finite number; got inf"),
        ("task.samples", -1, "greater than or equal to 0; got -1"),
        ("update.momentum", 1.0, "less than 1; got 1.0"),
        ("update.momentum", -0.1, "greater than or equal to 0"),
        ("update.momentum", np.nan, "finite number; got nan"),
        ("update.weight_decay", -1, "greater than or equal to 0"),
        ("network.hidden", [], "must not be empty"),
        ("network.hidden", 5.5, "valid tuple; got 5.5"),
        ("network.activation", "tan", "'linear', 'tanh', 'sigmoid', 'relu' or 'erf'; got 'tan'"),
        (
            "network",
            {"kind": "conv"},
            "unknown kind of network 'conv' (known: convolutional, dense",
        ),
        ("record.quantities", ["weight"], "unknown quantity 'weight'; did you mean 'weights'?"),
        ("record.quantities", [3], "valid string; got 3"),
        ("record.steps", [-1], "greater than or equal to 0; got -1"),
        ("record.spacing", "log", "'linear' or 'logarithmic'; got 'log'"),
        ("precision", "float16", "'float32' or 'float64'; got 'float16'"),
        ("root_seed", -1, "greater than or equal to 0; got -1"),
        ("root_seed", 2**32, "less than 4294967296"),
        ("seeds", 0, "between 1 and 1000000; got 0"),
        ("seeds", -2, "between 1 and 1000000; got -2"),
        ("seeds", 10**12, "between 1 and 1000000; got 1000000000000"),
        ("seeds", [], "must not be empty"),
        ("seeds", [1, 2, 1], "must differ from each other; got [1, 2, 1]"),
        ("seeds", [1.0], "valid integer; got 1.0"),
        ("seeds", True, "got True"),
        ("seeds", [2**32], "less than 4294967296"),
        ("network", {0: [3]}, "keys are strings; got 0"),
        ("rules", {}, "must not be empty"),
        ("rules", {3: 0.1}, "a rule's label is a string; got 3"),
        ("rules", [("a", {"rule": "usf", "learning_rate": 1})] * 2, "must differ from each other"),
        ("record.steps", [3, 16], "the run has 15 steps; got (3, 16)"),
    ],
)
def test_values_out_of_range(path, value, message):
    head, *rest = path.split(".")
    data = VALID | {head: VALID.get(head, {}) | {rest[0]: value} if rest else value}
    found = [what for at, what in problems(data).items() if at.startswith(path)]
    assert any(message in what for what in found)


def test_a_mirror_has_no_rate_of_its_own_under_an_optimiser_that_rescales():
    changed = {"rules": {"mine": {"rule": "weight_mirror", "learning_rate": 0.1}}}
    assert Experiment(**VALID | changed).rule_labels == ("mine",)
    found = problems(VALID | changed | {"update": {"optimizer": "adam"}})
    assert "take update.optimizer 'sgd'" in found["rules.mine"]
    kolen_pollack = {"rules": {"kolen_pollack": 0.1}, "update": {"optimizer": "adam"}}
    assert Experiment(**VALID | kolen_pollack).update.optimizer == "adam"


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"rule": "bakprop"}, "unknown rule 'bakprop'; did you mean 'backprop'?"),
        ({"rule": 3}, "a rule is named by a string; got 3"),
        ({"rule": []}, "a rule is named by a string; got []"),
        ({"rule": "frsf", "concordanc": 0.5}, "unknown parameter of frsf 'concordanc'; did you"),
        ({"rule": "backprop", "scale": 1}, "unknown parameter of backprop 'scale'; did you mean"),
        ({"rule": "frsf", "concordance": 1.5}, "frsf needs concordance between 0 and 1; got 1.5"),
        ({"rule": "frsf", "concordance": np.nan}, "between 0 and 1; got nan"),
        ({"rule": "brsf", "scale": 0}, "brsf needs a positive, finite scale; got 0.0"),
        ({"rule": "usf", "scale": np.inf}, "usf needs a positive, finite scale; got inf"),
        ({"rule": "rndf", "std": -1}, "rndf needs a positive, finite std; got -1.0"),
        ({"rule": "feedback_alignment", "scale": 10**400}, "finite scale; got inf"),
        ({"rule": "node_perturbation", "perturbation": 0}, "positive, finite perturbation"),
        ({"rule": "usf", "scale": "1"}, "scale must be a number; got '1'"),
        ({"rule": "usf", "scale": True}, "scale must be a number; got True"),
        ({"rule": "usf", "parameters": 5}, "parameters must be a mapping from names to values"),
        ({"rule": "usf", 1: 2}, "unknown parameter of usf '1'"),
    ],
)
def test_rules_and_their_parameters(choice, message):
    data = VALID | {"rules": {"label": {"learning_rate": 0.1} | choice}}
    assert message in problems(data)["rules.label"]


def test_the_label_names_the_rule_where_nothing_else_does():
    found = problems(VALID | {"rules": {"fedback_alignment": 0.1}})["rules.fedback_alignment"]
    assert "did you mean 'feedback_alignment'?" in found
    assert "known: backprop, brsf" in found
    found = problems(VALID | {"rules": {"mine": {"rule": "usf"}}})
    assert found == {"rules.mine.learning_rate": "is required and has no default"}


def test_frozen_layers_exist():
    data = VALID | {"schedule": phases({"steps": 1}, {"steps": 2, "frozen": [1, 4]})}
    assert problems(data) == {"schedule.phases.1.frozen": "layers are 1 to 3; got [1, 4]"}


def test_a_batch_is_no_larger_than_the_samples():
    data = VALID | {"schedule": phases({"steps": 1}) | {"batch_size": 7}}
    assert problems(data) == {"schedule.batch_size": "exceeds the task's 6 samples; got 7"}
    Experiment(**data | {"task": {"inputs": 4, "outputs": 2}})


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("sede", "seeds"),
        ("task.imputs", "inputs"),
        ("network.hiden", "hidden"),
        ("network.start.bond", "bound"),
        ("schedule.batchsize", "batch_size"),
        ("schedule.phases.0.step", "steps"),
        ("update.momentm", "momentum"),
        ("record.snapshot", "snapshots"),
    ],
)
def test_unknown_keys_at_every_level(path, near):
    data = VALID | {
        "network": VALID["network"] | {"start": {"distribution": "uniform", "bound": 1}}
    }
    data |= {"update": {}, "record": {}}
    *parents, key = path.split(".")
    data = Experiment(**data).model_dump(mode="json")
    node = data
    for parent in parents:
        node = node[int(parent) if isinstance(node, list) else parent]
    node[key] = 1
    found = {at.split(".")[-1]: what for at, what in problems(data).items()}
    assert found[key].startswith(f"unknown key; did you mean {near!r}? (known: ")


def test_missing_parts_are_named():
    found = problems({})
    assert found == dict.fromkeys(
        ("task", "network", "rules", "schedule"), "is required and has no default"
    )
    assert problems(VALID | {"task": {"inputs": 1}}) == {
        "task.outputs": "is required and has no default"
    }


def test_all_problems_are_told_at_once():
    data = VALID | {"seeds": [1, 1], "schedule": phases({"steps": 1, "frozen": [9]})}
    assert set(problems(data)) == {"seeds", "schedule.phases.0.frozen"}
    data = VALID | {"task": {"inputs": 0, "outputs": 2.5}, "rules": {"a": 1, "b": 1}}
    assert set(problems(data)) == {"task.inputs", "task.outputs", "rules.a", "rules.b"}


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"text"', b"\xff\xfe"])
def test_text_that_is_no_experiment(text):
    with pytest.raises(InvalidExperimentError, match=r"not (JSON|a JSON object)"):
        Experiment.from_json(text)


def test_parts_name_themselves():
    with pytest.raises(InvalidExperimentError, match=r"invalid Phase\n  steps: .* got 0"):
        Phase(steps=0)
    with pytest.raises(InvalidExperimentError, match=r"invalid LinearTask\n  outputs: is required"):
        LinearTask(inputs=1)
    with pytest.raises(FatheoryError, match="invalid Record"):
        Record(snapshots=1)


def test_long_values_are_cut():
    message = problems(VALID | {"name": list(range(1000))})["name"]
    assert len(message) < 120
    assert message.endswith("...")


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("rules.backprop.learning_rat", "learning_rate"),
        ("rules.backprop.lr", "learning_rate"),
        ("rules.frsf.concordence", "concordance"),
        ("schedule.batch", "batch_size"),
        ("network.n_hidden", "hidden"),
    ],
)
def test_a_key_that_is_nearly_right_is_answered_with_the_right_one(key, near):
    with pytest.raises(InvalidExperimentError, match=f"did you mean '{near}'"):
        Experiment(**VALID | {"rules": {"backprop": 0.1, "frsf": 0.1}}).with_settings({key: 1})


@pytest.mark.parametrize(
    "key", ["network.start.bound", "task.noise", "task.target", "rules.backprop.learning_rate"]
)
def test_numbers_that_nobody_can_compute_with_are_refused(key):
    value = {"distribution": "normal", "std": 1e308} if key == "task.target" else 1e308
    with pytest.raises(InvalidExperimentError, match=r"at most 1e\+30 in size; got 1e\+308"):
        Experiment(**VALID).with_settings({key: value})
    rules = {"feedback_alignment": {"learning_rate": 0.1, "scale": 1e308}}
    with pytest.raises(InvalidExperimentError, match=r"a scale of at most 1e\+30; got 1e\+308"):
        Experiment(**VALID | {"rules": rules})


def test_an_unknown_key_of_own_arrays_is_answered_with_what_makes_them():
    with pytest.raises(InvalidExperimentError, match=r"did you mean 'inputs'.*draw.*targets"):
        fa.ArrayTask(input=[[1.0]])
