"""Former names of public things: they lead to the same thing, and say what it is called."""

from importlib import import_module

import pytest

from fatheory import figures, rules

FORMER = {
    "fatheory.archive.GrowingArchive": "fatheory.archive.AppendableArchive",
    "fatheory.archive.Health": "fatheory.archive.Integrity",
    "fatheory.initial.Start": "fatheory.initial.InitialState",
    "fatheory.initial.draw_start": "fatheory.initial.draw_initial_state",
    "fatheory.experiment.law.Uniform": "fatheory.experiment.distribution.Uniform",
    "fatheory.experiment.law.Normal": "fatheory.experiment.distribution.Normal",
    "fatheory.experiment.law.Scaled": "fatheory.experiment.distribution.Scaled",
    "fatheory.experiment.law.Law": "fatheory.experiment.distribution.Distribution",
    "fatheory.experiment.law.EntryLaw": "fatheory.experiment.distribution.EntryDistribution",
    "fatheory.reproduction.Keep": "fatheory.reproduction.RunCache",
    "fatheory.theory.Phase": "fatheory.theory.FlowPhase",
    "fatheory.theory.EntryLaw": "fatheory.theory.WidthScaledDistribution",
    "fatheory.theory.infinite_width.EntryLaw": (
        "fatheory.theory.infinite_width.WidthScaledDistribution"
    ),
    "fatheory.theory.phase.Phase": "fatheory.theory.phase.FlowPhase",
    "fatheory.theory.node_perturbation.Moments": "fatheory.theory.node_perturbation.SignalMoments",
    "fatheory.rules.fixed_feedback.FeedbackOfLaw": (
        "fatheory.rules.fixed_feedback.FeedbackOfDistribution"
    ),
    "fatheory.networks.Moments": "fatheory.networks.BatchStatistics",
    "fatheory.networks.batch_moments": "fatheory.networks.batch_statistics",
    "fatheory.networks.first_sums": "fatheory.networks.first_preactivations",
}
MODULES = sorted({name.rpartition(".")[0] for name in FORMER})


def found(path):
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.parametrize(("former", "now"), FORMER.items())
def test_a_former_name_leads_to_the_thing_and_says_what_it_is_called(former, now):
    with pytest.warns(DeprecationWarning, match=f"{former} is called {now};") as told:
        before = found(former)
    assert len(told) == 1
    assert before is found(now)


@pytest.mark.parametrize("module", MODULES)
def test_other_names_are_unknown_as_ever(module):
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nobody'"):
        _ = import_module(module).nobody


@pytest.mark.parametrize("module", MODULES)
def test_former_names_are_not_listed(module):
    former = {name.rpartition(".")[2] for name in FORMER if name.startswith(f"{module}.")}
    assert not former & set(dir(import_module(module)))


def test_the_former_table_of_colours_is_that_of_the_rules():
    with pytest.warns(DeprecationWarning, match="RULE_COLOURS is called rule_colour, a function"):
        table = figures.RULE_COLOURS
    assert table.keys() == rules.known_rules().keys()
    assert table["backprop"] == "#000000" != table["feedback_alignment"] == "#009E73"
    with pytest.raises(AttributeError, match="no attribute 'RULE_COLOUR'"):
        _ = figures.RULE_COLOUR
    assert "RULE_COLOURS" not in dir(figures)
