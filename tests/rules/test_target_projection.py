"""Direct random target projection, by hand."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import InvalidExperimentError
from fatheory.initial import draw_initial_state, examples

RULE = "direct_random_target_projection"
RATE, STEPS, SEED = 0.05, 40, 2


def asked(**choice):
    return fa.Experiment(
        task=fa.TeacherTask(inputs=4, outputs=3, hidden=(5,)),
        network=fa.DenseNetwork(
            hidden=(6, 5), activation="tanh", output="sigmoid", start=fa.Normal(std=0.5)
        ),
        rules={RULE: {"learning_rate": RATE, "scale": 0.7} | choice},
        schedule=fa.Schedule(phases=(fa.Phase(steps=STEPS),)),
        record=fa.Record(quantities=("weights", "teaching_signals"), snapshots=2),
        seeds=(SEED,),
        precision="float64",
    )


def test_hidden_layers_learn_from_the_target_alone():
    experiment = asked()
    start = draw_initial_state(experiment, SEED)
    W1, W2, W3 = start.weights
    B1, B2 = (state.T for state in start.states[RULE][:-1])
    shown = examples(experiment, SEED, start, 0, STEPS)
    for x, target in zip(shown.inputs[:, 0], shown.targets[:, 0], strict=True):
        h1 = np.tanh(W1 @ x)
        h2 = np.tanh(W2 @ h1)
        y = 1 / (1 + np.exp(-W3 @ h2))
        W1 = W1 + RATE * np.outer(B1 @ target * (1 - h1**2), x)
        W2 = W2 + RATE * np.outer(B2 @ target * (1 - h2**2), h1)
        W3 = W3 + RATE * np.outer((target - y) * y * (1 - y), h2)
    run = fa.simulate(experiment).sel(rule=RULE, seed=SEED)
    for layer, W in enumerate((W1, W2, W3), start=1):
        np.testing.assert_allclose(run[f"weight_{layer}"].isel(step=-1), W, rtol=0, atol=1e-12)
    # What reaches a layer does not change while the network learns.
    for layer, B in ((1, B1), (2, B2)):
        signals = run[f"teaching_signal_{layer}"]
        np.testing.assert_allclose(signals.isel(step=0), start.probe.targets @ B.T, atol=1e-13)
        np.testing.assert_array_equal(signals.isel(step=0), signals.isel(step=-1))


def test_no_slopes_can_be_left_out_of_what_carries_none():
    with pytest.raises(InvalidExperimentError, match=f"{RULE} sends none: leave slopes out"):
        asked(slopes="local")
