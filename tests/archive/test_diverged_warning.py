"""A run that diverged is announced: how many, which, since when, and what to do."""

import warnings

import numpy as np
import pytest
import xarray as xr

import fatheory as fa
from fatheory.archive import describe_divergence, warn_of_divergence
from fatheory.errors import DivergedWarning, FatheoryWarning
from fatheory.sweep import Sweep
from fatheory.theory import largest_stable_learning_rate

RULES = ("backprop", "usf")
SEEDS = (0, 3, 7)


def archive(lost=(), rules=RULES, seeds=SEEDS):
    """An archive in which the runs ``{(rule, seed): step}`` diverged."""
    since = xr.DataArray(
        np.full((len(rules), len(seeds)), -1),
        {"rule": list(rules), "seed": list(seeds)},
        ("rule", "seed"),
    )
    for (rule, seed), step in dict(lost).items():
        since.loc[{"rule": rule, "seed": seed}] = step
    return xr.Dataset({"diverged": since >= 0, "diverged_at": since})


def asked(rates):
    return fa.Experiment(
        task=fa.LinearTask(inputs=5, outputs=3),
        network=fa.DenseNetwork(hidden=(4,), start=fa.Normal(std=0.5)),
        rules=rates,
        schedule=fa.Schedule(phases=(fa.Phase(steps=60),)),
        record=fa.Record(snapshots=3),
        seeds=2,
    )


def test_whole_archives_are_silent():
    assert describe_divergence(archive()) == ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_divergence(archive(), archive())
        warn_of_divergence(xr.Dataset({"loss": 1.0}))


def test_it_says_how_many_which_and_since_when():
    lost = archive({("usf", 3): 1200, ("usf", 7): 40, ("backprop", 0): 5})
    expected = (
        "3 of 6 runs diverged: backprop (seed 0, since step 5), "
        "usf (seeds 3, 7, the first since step 40)"
    )
    assert describe_divergence(lost) == expected
    assert describe_divergence(lost.transpose("seed", "rule")) == expected
    with pytest.warns(DivergedWarning, match=r"fatheory\.choose_learning_rates .*") as told:
        warn_of_divergence(lost)
    assert len(told) == 1
    assert str(told[0].message).startswith(expected)
    name = f"{largest_stable_learning_rate.__name__} predicts"
    assert f"fatheory.theory.{name}" in str(told[0].message)
    assert callable(fa.choose_learning_rates)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"seed": 7}, "2 of 2 runs diverged: backprop (seed 7, since step 2), usf (seed 7, s"),
        ({"rule": "usf"}, "2 of 3 runs diverged: usf (seeds 3, 7, the first since step 9)"),
        ({"rule": "usf", "seed": 3}, "1 of 1 runs diverged: usf (seed 3, since step 11)"),
        ({"rule": "backprop", "seed": 3}, ""),
    ],
)
def test_selections_speak_for_themselves(selection, expected):
    lost = archive({("usf", 3): 11, ("usf", 7): 9, ("backprop", 7): 2})
    assert describe_divergence(lost.sel(selection)).startswith(expected)
    assert bool(describe_divergence(lost.sel(selection))) == bool(expected)


def test_several_archives_are_told_apart_in_one_warning():
    with pytest.warns(DivergedWarning, match=r"archive 1: 1 of 6 .*; archive 2: 2 of 6") as told:
        warn_of_divergence(
            archive(), archive({("usf", 0): 3}), archive({("usf", 0): 3, ("usf", 3): 8})
        )
    assert len(told) == 1


def test_long_lists_and_long_labels_are_cut():
    rules, seeds = [f"{i}" + "x" * 10_000 for i in range(30)], range(1000)
    everything = {(rule, seed): 1 for rule in rules[:20] for seed in seeds}
    text = describe_divergence(archive(everything, rules, seeds))
    assert len(text) < 2000
    assert "20000 of 30000 runs" in text
    assert "more rules" in text


@pytest.mark.parametrize("ask", ["memory", "disk", "again", "many", "solve", "sweep"])
def test_every_answer_announces_it(ask, tmp_path):
    wild = asked({"backprop": 50.0, "feedback_alignment": 0.001})
    if ask == "again":
        with pytest.warns(DivergedWarning):
            fa.simulate(wild, path=tmp_path / "run.zarr")
    if ask == "solve":
        # With W frozen at random, W B has eigenvalues of negative real part: E grows for ever.
        wild = asked({"feedback_alignment": 0.1}).with_settings(
            {"schedule.phases": [{"steps": 20_000, "frozen": [2]}]}
        )
    answer = {
        "memory": lambda: fa.simulate(wild),
        "disk": lambda: fa.simulate(wild, path=tmp_path / "run.zarr"),
        "again": lambda: fa.simulate(wild, path=tmp_path / "run.zarr"),
        "many": lambda: fa.simulate_many([asked({"backprop": 0.001}), wild]),
        "solve": lambda: fa.solve(wild),
        "sweep": lambda: Sweep(experiment=wild, axes={"seeds": [1, 2]}).run(tmp_path / "s.zarr"),
    }[ask]
    with pytest.warns(DivergedWarning, match=r"of \d+ runs diverged: [bf]\w+ ") as told:
        answer()
    assert told[0].filename == __file__
    assert len(told) == 1


def test_candidates_of_a_search_may_diverge():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chosen, tried = fa.choose_learning_rates(asked({"backprop": 0.001}), [0.01, 50.0])
    assert chosen == {"backprop": 0.01}
    assert np.isinf(tried.sel(candidate=50.0)).all()


def test_all_warnings_of_ours_have_one_base():
    from fatheory import errors

    ours = {name: kind for name, kind in vars(errors).items() if name.endswith("Warning")}
    assert len(ours) >= 5
    assert [name for name, kind in ours.items() if not issubclass(kind, FatheoryWarning)] == []
