"""Theory answers given examples: own arrays and images, by their moments and least squares."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import ArrayError, InvalidExperimentError, RegimeError
from fatheory.initial import draw_initial_state
from fatheory.theory import DMFTMethod

RECORD = ("weights", "training_loss", "delta_angle", "gradient_norm")


def regression(count=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, 6)) * (2, 1, 1, 0.5, 0.5, 0.2)
    return X, X @ rng.normal(size=(6, 3)) + 0.3 * np.sin(3 * X[:, :3])


def asked(task, rate=0.001, steps=2000, rules=("backprop", "feedback_alignment"), **given):
    settings = {
        "network": fa.DenseNetwork(hidden=20, start=fa.Uniform(bound=0.1)),
        "schedule": fa.Schedule(phases=(fa.Phase(steps=steps),), batch_size=task.samples),
        "record": fa.Record(quantities=RECORD, snapshots=5),
    }
    return fa.Experiment(
        task=task,
        rules=dict.fromkeys(rules, rate),
        seeds=2,
        precision="float64",
        **(settings | given),
    )


def test_the_flow_of_given_examples_is_the_limit_of_small_steps():
    X, Y = regression()
    task = fa.ArrayTask(inputs=X, targets=Y, validation=0.25)
    apart = []
    for rate, steps in ((0.004, 500), (0.002, 1000)):
        experiment = asked(task, rate, steps)
        simulation, theory = fa.simulate(experiment), fa.solve(experiment)
        names = ("loss", "training_loss", "weight_1", "weight_2", "delta_angle", "gradient_norm")
        apart.append([float(abs(theory[name] - simulation[name]).max()) for name in names])
    np.testing.assert_allclose(np.divide(*apart), 2, rtol=0.1)
    # Held-out and training losses end apart, and neither at zero: no linear map fits the sine.
    assert float(theory["training_loss"][..., -1].max()) > 0.05
    assert fa.compare(theory, simulation).relative_error.sel(variable="loss").max() < 0.005


def test_steps_on_batches_of_given_classes_are_those_of_the_simulation():
    X, Y = regression()
    X = np.column_stack([X, np.ones(len(X)), X[:, 0]])  # a constant, and an input twice
    task = fa.ArrayTask(inputs=X, targets=np.argmax(Y, axis=1), validation=0.25)
    experiment = asked(
        task,
        0.01,
        rules=("feedback_alignment",),
        schedule=fa.Schedule(phases=(fa.Phase(steps=300),), batch_size=9),
        record=fa.Record(
            quantities=("weights", "classification_error", "training_error"), snapshots=4
        ),
    )
    simulation, theory = fa.simulate(experiment), fa.solve(experiment, "reduced_sgd")
    for name in ("loss", "training_loss", "weight_1", "weight_2"):
        np.testing.assert_allclose(theory[name], simulation[name], rtol=1e-9, atol=1e-11)
    for name in ("classification_error", "training_error"):
        np.testing.assert_allclose(theory[name], simulation[name], rtol=1e-12)
        assert 0 < theory[name].max() < 100


@pytest.mark.parametrize("method", ["flow", "reduced", "lazy", DMFTMethod(samples=64)])
def test_given_examples_have_the_theory_of_the_task_that_they_were_drawn_by(method):
    task = fa.LinearTask(inputs=4, outputs=2, samples=12)
    drawn = asked(
        task,
        steps=20,
        rules=("feedback_alignment",),
        record=fa.Record(quantities=(), snapshots=3, probe_samples=12),
    ).replaced(seeds=1)
    samples = draw_initial_state(drawn, drawn.seeds[0]).samples
    given = drawn.replaced(task=fa.ArrayTask(inputs=samples.inputs, targets=samples.targets))
    losses = [fa.solve(experiment, method)["loss"] for experiment in (drawn, given)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-10)


def test_each_seed_has_the_theory_of_its_own_arrays():
    def draw(rng):
        X = rng.normal(size=(20, 3))
        return X, X @ rng.normal(size=(3, 2)) + 0.1 * rng.normal(size=(20, 2))

    apart = []
    for rate, steps in ((0.001, 500), (0.0005, 1000)):
        experiment = asked(fa.ArrayTask(draw=draw), rate, steps)
        simulation, theory = fa.simulate(experiment), fa.solve(experiment)
        apart.append(float(abs(theory["loss"] / simulation["loss"] - 1).max()))
    assert apart[1] == pytest.approx(apart[0] / 2, rel=0.1)
    first, second = theory["loss"].isel(rule=0)
    assert not np.allclose(first[-1], second[-1], rtol=0.05)


def test_methods_about_fresh_examples_refuse_given_ones_in_words():
    X, Y = regression()
    experiment = asked(fa.ArrayTask(inputs=X, targets=Y, validation=0.25))
    for method in ("online", "order_parameters"):
        with pytest.raises(RegimeError, match="the task is of kind 'arrays': theory knows"):
            fa.solve(experiment, method)
    with pytest.raises(RegimeError, match=r"15 of the examples are held out.*leave validation out"):
        fa.solve(experiment, "dmft")
    bent = experiment.with_settings({"network.activation": "tanh"})
    with pytest.raises(RegimeError, match="tanh"):
        fa.solve(bent)


def test_training_loss_of_noisy_samples_is_what_the_steps_reduce():
    task = fa.LinearTask(inputs=4, outputs=2, samples=12, noise=0.5)
    experiment = asked(task, 0.02, 3000, record=fa.Record(quantities=("training_loss",)))
    simulation, theory = fa.simulate(experiment), fa.solve(experiment)
    training = simulation["training_loss"].transpose("step", ...)
    assert (training.diff("step") <= 1e-12).all()
    np.testing.assert_allclose(theory["training_loss"], simulation["training_loss"], rtol=0.05)
    left = [
        samples.targets - samples.inputs @ (np.linalg.pinv(samples.inputs) @ samples.targets)
        for samples in (draw_initial_state(experiment, seed).samples for seed in experiment.seeds)
    ]
    floor = [0.5 * np.mean(np.sum(rest**2, axis=1)) for rest in left]
    np.testing.assert_allclose(training[-1].sel(rule="backprop"), floor, rtol=1e-3)


def test_fresh_examples_have_no_training_loss():
    with pytest.raises(InvalidExperimentError, match="finite training examples; here each is"):
        fa.Experiment(
            task=fa.LinearTask(inputs=4, outputs=2),
            network=fa.DenseNetwork(hidden=3),
            rules={"backprop": 0.01},
            schedule=fa.Schedule(steps=10),
            record=fa.Record(quantities=("training_loss",)),
        )


@pytest.mark.parametrize("quantity", ["classification_error", "training_error"])
def test_real_targets_are_in_no_class(quantity):
    X, Y = regression()
    with pytest.raises(InvalidExperimentError, match="only for tasks with classes"):
        asked(fa.ArrayTask(inputs=X, targets=Y), record=fa.Record(quantities=(quantity,)))


@pytest.mark.parametrize("scale", [1e-170, 1e-61, 1e31, 1e160])
def test_inputs_whose_kernels_leave_double_precision_do_not_become_a_task(scale):
    X, Y = regression()
    with pytest.raises(ArrayError, match="inputs must be 0 or of a size between 1e-60 and"):
        fa.ArrayTask(inputs=scale * X, targets=Y)


@pytest.mark.parametrize(
    ("scale", "said"),
    [(0.0, "is zero: without biases"), (1e-170, r"from 1e-100 to 1e\+100"), (1e-51, "from 1e-100")],
)
@pytest.mark.parametrize("part", ["training", "held-out"])
def test_lazy_learning_refuses_a_point_that_vanishes_beside_others(scale, said, part):
    """Kernels divide by the sizes of points."""
    X, Y = regression(count=8)
    small = np.vstack([X[:-1], scale * X[-1:]])
    task = fa.ArrayTask(inputs=small, targets=Y)
    if part == "held-out":
        task = fa.ArrayTask(inputs=X, targets=Y, validation=(small, Y))
    experiment = asked(task, steps=3, rules=("feedback_alignment",))
    bent = experiment.with_settings({"network.activation": "tanh", "record.quantities": []})
    with pytest.raises(ArrayError, match=rf"{part} inputs\[7\] .*{said}"):
        fa.solve(bent, "lazy")
