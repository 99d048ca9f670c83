"""The papers' presets, and that tuned numbers are those that the recorded search found."""

import json
from pathlib import Path

import pytest

import fatheory as fa
from fatheory.errors import UnknownNameError

RECORDED = Path(__file__).parents[2] / "analyses" / "results" / "tune_fig2.json"


def test_fig2_is_the_papers_experiment():
    asked = fa.presets["lillicrap2016/fig2"]
    assert asked.sizes == (30, 20, 10)
    assert asked.task.target == fa.Uniform(bound=1.0)
    assert asked.task.spectrum_decay == asked.task.noise == asked.task.samples == 0
    assert asked.network.start == fa.Uniform(bound=0.01)
    assert dict(asked.rules)["feedback_alignment"].make().scale == 0.5
    assert asked.schedule.batch_size == 1
    assert len(asked.seeds) == 20


def test_fig2_is_tuned_as_recorded():
    search = json.loads(RECORDED.read_text(encoding="utf-8"))
    found, asked = search["found"], dict(fa.presets["lillicrap2016/fig2"].rules)
    for rule in ("node_perturbation", "backprop", "feedback_alignment"):
        assert asked[rule].learning_rate == found[rule]["learning_rate"]
    perturbation = found["node_perturbation"]["perturbation"]
    assert asked["node_perturbation"].make().perturbation == perturbation
    assert asked["shallow"].learning_rate == found["feedback_alignment"]["learning_rate"]
    assert not set(search["seeds"]) & set(fa.presets["lillicrap2016/fig2"].seeds)


def test_presets_are_a_mapping_of_fresh_values():
    assert list(fa.presets) == ["lillicrap2016/fig2"]
    assert "lillicrap2016/fig2" in fa.presets
    assert "lillicrap2016/fig9" not in fa.presets
    assert len(fa.presets) == 1
    assert "Lillicrap et al. 2016" in fa.presets.summary("lillicrap2016/fig2")


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'lillicrap2016/fig2'"):
        fa.presets["lillicrap/fig2"]
