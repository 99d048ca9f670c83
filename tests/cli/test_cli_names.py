"""Default places of archives say what they hold."""

import fatheory as fa
from fatheory.cli.runs import called, named

PRESET = "lillicrap2016/fig2"


def test_a_preset_is_called_by_its_name():
    assert called(fa.presets[PRESET]) == PRESET
    assert str(named(PRESET, "theory-flow", None)) == "lillicrap2016-fig2-theory-flow.zarr"


def test_a_changed_preset_has_a_place_of_its_own():
    one, other = (fa.presets[PRESET].replaced(seeds=seeds) for seeds in (2, 3))
    assert called(one) == f"{PRESET}-{one.content_hash[:8]}"
    assert len({called(one), called(other), PRESET}) == 3


def test_ones_own_experiment_is_called_by_its_name_or_its_hash():
    own = fa.presets[PRESET].replaced(name="mine", seeds=2)
    assert called(own) == "mine"
    nameless = own.replaced(name="")
    assert called(nameless) == nameless.content_hash


def test_the_default_place_is_that(fatheory, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    steps = "--set=schedule.phases.0.steps=20"
    code, _, _ = fatheory("solve", PRESET, "--seeds=1", steps, "--set=record.snapshots=3")
    assert code == 0
    (place,) = tmp_path.iterdir()
    stored = fa.Experiment.from_json(fa.load(place).attrs["experiment"])
    assert place.name == f"lillicrap2016-fig2-{stored.content_hash[:8]}-theory-flow.zarr"
