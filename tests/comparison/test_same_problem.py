"""Archives that answer different questions are not compared."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import ArchiveError, DivergedWarning

ASKED = fa.Experiment(
    task=fa.LinearTask(inputs=4, outputs=2),
    network=fa.DenseNetwork(hidden=(3,), start=fa.Uniform(bound=0.4)),
    rules={"backprop": 0.02, "feedback_alignment": 0.01},
    schedule=fa.Schedule(phases=(fa.Phase(steps=20),)),
    record=fa.Record(snapshots=3, quantities=("weights", "delta_angle"), probe_samples=6),
    seeds=2,
)


@pytest.fixture(scope="module")
def theory():
    return fa.solve(ASKED)


@pytest.fixture(scope="module")
def simulation():
    return fa.simulate(ASKED, progress=False)


def changed(archive, name, **where):
    """Change one entry of a variable by a little."""
    values = archive[name].copy(deep=True)
    values[{dim: where.get(dim, 0) for dim in values.dims}] += 1e-3
    return archive.assign({name: values})


def test_one_experiment_in_two_precisions_is_one_problem(theory, simulation):
    assert simulation.target_map.dtype == np.float32
    assert theory.target_map.dtype == np.float64
    assert float(fa.compare(theory, simulation).relative_error.sel(variable="loss").max()) < 0.1


@pytest.mark.parametrize(
    "name",
    ["target_map", "input_covariance", "probe_input", "probe_target", "feedback_2"],
)
def test_another_target_probe_or_feedback_is_refused(theory, simulation, name):
    # Of two rules the second draws feedback.
    pairs = (changed(theory, name, rule=1), simulation), (theory, changed(simulation, name, rule=1))
    for pair in pairs:
        with pytest.raises(ArchiveError, match=rf"different questions.*\n  {name} differs by up"):
            fa.compare(*pair)


def test_what_differs_in_other_seeds_and_rules_is_no_matter(theory, simulation):
    other = changed(changed(theory, "target_map", seed=1), "feedback_2", seed=1, rule=1)
    whole = fa.compare(theory.sel(seed=[0]), simulation.sel(seed=[0]))
    assert fa.compare(other.sel(seed=[0]), simulation).identical(whole)
    with pytest.raises(ArchiveError, match=r"target_map differs.*\n  feedback_2 differs"):
        fa.compare(other, simulation.sel(seed=[1]))
    assert fa.compare(
        changed(theory, "feedback_2", rule=1).sel(rule=["backprop"]), simulation
    ).sizes["rule"]


def test_another_start_is_refused(theory, simulation):
    with pytest.raises(ArchiveError, match=r"\n  weight_2 at the start differs by up to 0\.001"):
        fa.compare(changed(theory, "weight_2"), simulation)
    later = changed(theory, "weight_2", step=1)
    assert fa.compare(later, simulation)["residual_weight_2"].isel(step=1).notnull().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"root_seed": 5}, "target_map differs by"),
        ({"network.start.bound": 0.2}, "weight_1 at the start differs by"),
        ({"rules.feedback_alignment.scale": 2.0}, "feedback_2 differs by"),
        ({"record.probe_samples": 5}, "probe_input has 5 entries along 'sample' in theory and 6"),
    ],
)
def test_another_experiment_is_refused(simulation, settings, message):
    with pytest.raises(ArchiveError, match=message):
        fa.compare(fa.solve(ASKED.with_settings(settings)), simulation)


def test_starts_that_were_not_recorded_are_compared_by_their_law(simulation):
    lean = ASKED.with_settings({"record.quantities": [], "network.start.bound": 0.2})
    with pytest.raises(ArchiveError, match=r"starts differ: network\.start is .*0\.2.* in theory"):
        fa.compare(fa.solve(lean), simulation)
    same = lean.with_settings({"network.start.bound": 0.4})
    assert fa.compare(fa.solve(same), simulation).relative_error.notnull().all()


def test_other_learning_rates_steps_and_records_are_one_problem(theory, simulation):
    other = ASKED.with_settings(
        {
            "rules.backprop.learning_rate": 0.01,
            "schedule.phases": [{"steps": 40}],
            "record.snapshots": 9,
            "name": "another",
        }
    )
    found = fa.compare(fa.solve(other), simulation)
    assert found.relative_error.sel(variable="loss").notnull().all()


def test_image_tasks_are_compared_by_their_descriptions():
    images = fa.Experiment(
        task=fa.ImageTask(dataset="synthetic-digits", limit=200),
        network=fa.DenseNetwork(hidden=(5,), activation="tanh", start=fa.Normal(std=0.2)),
        rules={"backprop": 0.01},
        schedule=fa.Schedule(phases=(fa.Phase(steps=3),), batch_size=5),
        record=fa.Record(snapshots=2, quantities=()),
    )
    run = fa.simulate(images, progress=False)
    other = images.with_settings({"task.limit": 300}).to_json()
    with pytest.raises(ArchiveError, match="the tasks differ"):
        fa.compare(run.assign_attrs(experiment=other), run)


def test_diverged_runs_are_announced(theory, simulation):
    lost = simulation.copy(deep=True)
    lost["diverged"][1, 0], lost["diverged_at"][1, 0] = True, 7
    expected = r"archive 1: 1 of 4 runs diverged: feedback_alignment \(seed 0, since step 7\)"
    with pytest.warns(DivergedWarning, match=expected):
        fa.compare(theory, lost)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_nothing_but_nan_on_one_side_is_another_problem(theory, simulation, side, value):
    pair = [theory, simulation]
    pair[side] = pair[side].assign(target_map=pair[side].target_map * 0 + value)
    with pytest.raises(ArchiveError, match="target_map is NaN or infinite on one side only"):
        fa.compare(*pair)


def test_one_label_of_two_rules_is_refused(theory, simulation):
    named = ASKED.replaced(rules={"mine": {"rule": "backprop", "learning_rate": 0.02}})
    other = ASKED.replaced(rules={"mine": {"rule": "feedback_alignment", "learning_rate": 0.02}})
    message = r"the rule 'mine' is of rule 'backprop'.* in theory and of rule 'feedback_alignment'"
    with pytest.raises(ArchiveError, match=message):
        fa.compare(fa.solve(named), fa.simulate(other, progress=False))
    # Its parameters count where no feedback is there to be compared, and its slopes where it has
    # any that are not 1.
    scaled = ASKED.with_settings({"rules.feedback_alignment.scale": 2.0}).to_json()
    with pytest.raises(ArchiveError, match=r"'feedback_alignment' is of scale"):
        fa.compare(
            theory.drop_vars("feedback_2"),
            simulation.assign_attrs(experiment=scaled).drop_vars("feedback_2"),
        )
    sent = ASKED.with_settings({"rules.feedback_alignment.slopes": "local"})
    assert fa.compare(theory, simulation.assign_attrs(experiment=sent.to_json())).sizes["rule"] == 2
    bent = [e.with_settings({"network.activation": "tanh"}).to_json() for e in (ASKED, sent)]
    ours, theirs = (simulation.assign_attrs(experiment=text) for text in bent)
    with pytest.raises(ArchiveError, match=r"is of slopes None in theory and of slopes 'local'"):
        fa.compare(ours, theirs)


def test_what_one_side_lacks_is_compared_by_its_law(theory, simulation):
    other = ASKED.with_settings({"root_seed": 5}).to_json()
    lacking = theory.drop_vars("target_map")
    assert fa.compare(lacking, simulation).sizes["rule"] == 2
    with pytest.raises(ArchiveError, match=r"has no target_map.*root_seed is 5 in theory and 0"):
        fa.compare(lacking.assign_attrs(experiment=other), simulation)


FA = "feedback_alignment"


def at_rate(rate, **settings):
    return ASKED.with_settings({"rules": {FA: rate}} | settings)


@pytest.mark.parametrize("method", ["reduced_sgd", "order_parameters"])
def test_an_answer_at_its_own_rates_is_compared_with_those_alone(method, simulation):
    """Interpolated in time it would be called the theory of runs that it says nothing about."""
    lean = {"record.quantities": []}
    ours, other = (fa.solve(at_rate(rate, **lean), method) for rate in (0.01, 0.03))
    assert fa.compare(ours, simulation).relative_error.notnull().all()
    message = rf"'{FA}' learns at rate 0\.03 in theory and 0\.01 in simulation, and theory/{method}"
    with pytest.raises(ArchiveError, match=message):
        fa.compare(other, simulation)
    # One answer for all the rates of a series.
    runs = [simulation.sel(rule=[FA]), fa.solve(at_rate(0.03, **lean), "flow")]
    with pytest.raises(ArchiveError, match=r"0\.01 in theory and 0\.03 in simulation"):
        fa.compare([ours, ours], runs)
    # Archives of earlier versions do not say so, and descriptions may be gone.
    del other.attrs["learning_rates"], other.attrs["experiment"]
    with pytest.raises(ArchiveError, match=message):
        fa.compare(other, simulation.sel(rule=FA))
    assert fa.compare(fa.solve(at_rate(0.03, **lean), "reduced"), simulation).sizes["rule"] == 1


@pytest.mark.parametrize("method", ["lazy", "dmft"])
def test_steps_of_wide_networks_are_not_a_flow(method):
    """They follow full-batch steps of any rate, and at every rate those of that one."""
    lean = {"record.quantities": [], "task.samples": 4, "schedule.batch_size": 4}
    ours, other = (fa.solve(at_rate(rate, **lean), method) for rate in (0.01, 0.3))
    simulation = fa.simulate(at_rate(0.01, **lean), progress=False)
    assert fa.compare(ours, simulation).relative_error.notnull().all()
    del other.attrs["learning_rates"]  # as lazy archives of earlier versions
    if method == "dmft":
        other.attrs["learning_rates"] = "own"
    with pytest.raises(ArchiveError, match=r"learns at rate 0\.3 in theory and 0\.01"):
        fa.compare(other, simulation)


def test_updates_count_where_theory_follows_them(simulation):
    theory = fa.solve(at_rate(0.01, **{"record.quantities": []}), "reduced_sgd")
    for settings in ({"schedule.batch_size": 2}, {"update.momentum": 0.5}):
        other = simulation.assign_attrs(experiment=ASKED.with_settings(settings).to_json())
        key = next(iter(settings)).removesuffix(".momentum")
        with pytest.raises(ArchiveError, match=f"updates differ: {key} is "):
            fa.compare(theory, other)


def test_other_layers_frozen_at_a_time_are_another_problem(theory, simulation):
    phases = [{"steps": 10, "frozen": [1]}, {"steps": 10}]
    frozen = fa.solve(ASKED.with_settings({"schedule.phases": phases}))
    message = (
        r"'backprop' the layers \[1\] are frozen in theory at time 0\.1 and \[\] in simulation"
    )
    with pytest.raises(ArchiveError, match=message):
        fa.compare(frozen, simulation)
    # The same times, in more and smaller steps, and longer.
    slow = {"backprop": 0.01, FA: 0.005}
    phases = [{"steps": 20, "frozen": [1]}, {"steps": 7}, {"steps": 33}]
    longer = fa.solve(ASKED.with_settings({"schedule.phases": phases, "rules": slow}))
    assert float(fa.compare(longer, frozen).relative_error.sel(variable="loss").max()) < 0.01
