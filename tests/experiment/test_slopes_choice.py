"""How signals travel, as part of a rule's description."""

import pytest

import fatheory as fa
from fatheory.errors import InvalidExperimentError

RULE = {"rule": "feedback_alignment", "learning_rate": 0.1}


def asked(rules=None, **network):
    return fa.Experiment(
        task=fa.TeacherTask(inputs=4, outputs=2, hidden=(3,)),
        network={"hidden": [3], "activation": "tanh"} | network,
        rules={"one": RULE} if rules is None else rules,
        schedule={"phases": [{"steps": 2}]},
    )


def test_descriptions_of_transmitted_exact_slopes_are_those_without_a_word_on_slopes():
    silent = asked()
    explicit = asked({"one": RULE | {"slopes": "transmitted", "derivative": "exact"}})
    assert explicit == silent
    assert explicit.content_hash == silent.content_hash
    assert "slopes" not in silent.to_json()
    assert "derivative" not in silent.to_json()


def test_other_slopes_are_other_experiments_and_survive_json():
    hashes = {asked().content_hash}
    for own in (
        {"slopes": "local"},
        {"derivative": "one"},
        {"derivative": "step"},
        {"slopes": "local", "derivative": "triangle"},
    ):
        experiment = asked({"one": RULE | own})
        assert fa.Experiment.from_json(experiment.to_json()) == experiment
        choice = experiment.rules[0][1]
        assert {key: getattr(choice, key) for key in own} == own
        hashes.add(experiment.content_hash)
    assert len(hashes) == 5


def test_settings_change_them_by_key():
    changed = asked().with_settings({"rules.one.slopes": "local"})
    assert changed == asked({"one": RULE | {"slopes": "local"}})


@pytest.mark.parametrize(
    ("rules", "network", "path", "message"),
    [
        ({"one": RULE | {"slopes": "none"}}, {}, "rules.one.slopes", "'transmitted' or 'local'"),
        ({"one": RULE | {"derivative": "soft"}}, {}, "rules.one.derivative", "'triangle'"),
        (
            {"node_perturbation": {"learning_rate": 0.1, "slopes": "local"}},
            {},
            "rules.node_perturbation",
            "node_perturbation sends none: leave slopes out",
        ),
        (
            {"one": RULE | {"derivative": "step"}},
            {"activation": "relu"},
            "rules.one.derivative",
            "sigmoid and tanh units, and this network has none",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(rules, network, path, message):
    with pytest.raises(InvalidExperimentError) as caught:
        asked(rules, **network)
    (problem,) = caught.value.problems
    assert problem[0] == path
    assert message in problem[1]


@pytest.mark.parametrize("rule", ["backprop", "usf", "brsf", "node_perturbation", "shallow"])
def test_a_seed_of_feedback_needs_feedback_that_is_drawn_once(rule):
    with pytest.raises(InvalidExperimentError, match=f"{rule} does not: leave feedback_seed out"):
        asked({"one": {"rule": rule, "learning_rate": 0.1, "feedback_seed": 3}})


def test_a_seed_of_feedback_is_part_of_the_description():
    experiment = asked({"one": RULE | {"feedback_seed": 0}})
    assert experiment.content_hash != asked().content_hash
    assert fa.Experiment.from_json(experiment.to_json()) == experiment


@pytest.mark.parametrize("own", [{"slopes": "local"}, {"derivative": "step"}])
def test_spiking_neurons_have_one_way(own):
    with pytest.raises(InvalidExperimentError, match="transmit none: leave"):
        fa.presets["lillicrap2016/fig4"].replaced(rules={"one": RULE | own})
