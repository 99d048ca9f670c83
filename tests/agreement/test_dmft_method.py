"""`solve(..., "dmft")` against simulations of growing width."""

import json
from dataclasses import replace

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import RegimeError
from fatheory.theory import DMFTMethod

INPUTS, SAMPLES = 6, 4


def experiment(width, rules, layers=2, steps=12, activation="tanh"):
    """Describe networks that start small and move far, at rates that all widths feel alike."""
    return fa.Experiment(
        task=fa.LinearTask(inputs=INPUTS, outputs=2, samples=SAMPLES),
        network=fa.DenseNetwork(
            hidden=(width,) * layers, activation=activation, start=fa.Scaled(gain=0.02)
        ),
        rules=rules,
        schedule=fa.Schedule(phases=(fa.Phase(steps=steps),), batch_size=SAMPLES),
        record=fa.Record(quantities=("delta_angle_flattened",), snapshots=5),
        seeds=4,
        precision="float64",
    )


def rules(width):
    """Feedback for which the first layer, of few inputs, moves as far as the wide ones."""
    rate = 1.0 / width
    last = {"rule": "feedback_alignment", "scale": 1.0}
    return {
        "layered": {
            "rule": "rndf",
            "learning_rate": rate,
            "std": 0.2 * width**0.5,
            "layers": {"last": last},
        },
        "direct_feedback_alignment": {"learning_rate": rate, "scale": 2.0},
    }


class Shifted(DMFTMethod):
    """The mean field of the same networks, from other copies of their units."""

    def __init__(self, shift, samples):
        super().__init__(samples)
        self._shift = shift

    def _run(self, experiment, start, label, choice):
        return super()._run(experiment, replace(start, seed=1000 + self._shift), label, choice)


def compared(widths, seeds, samples):
    """Return the rms residual of losses, (width, rule), and mean differences of angles."""
    off, angles = [], []
    for width in widths:
        asked = experiment(width, rules(width)).with_settings({"seeds": seeds})
        theory = fa.solve(asked, DMFTMethod(samples=samples))
        simulation = fa.simulate(asked, progress=False)
        first = simulation["loss"].isel(step=0)
        np.testing.assert_allclose(theory["loss"].isel(step=0), first, rtol=1e-10)
        residual = (theory["loss"] - simulation["loss"]) / first
        off.append(np.sqrt((residual**2).mean(("seed", "step"))).values)
        apart = theory["delta_angle_flattened"] - simulation["delta_angle_flattened"]
        angles.append(apart.isel(step=slice(2, None)).mean("seed"))
    assert float(theory["loss_sampling_error"].isel(step=slice(1, None)).min()) > 0
    assert float((theory["loss_sampling_error"] / first).max()) < 0.03
    return np.array(off), angles


def test_networks_approach_it_with_width():
    off, angles = compared((16, 256), seeds=3, samples=1000)
    assert (off[0] > 2 * off[1]).all()
    assert (off[1] < 0.02).all()
    assert float(np.abs(angles[1].sel(rule="layered")).max()) < 3


@pytest.mark.slow
def test_the_rate_in_width():
    widths = (16, 64, 256)
    off, angles = compared(widths, seeds=12, samples=20_000)
    slopes = np.polyfit(np.log(widths), np.log(off), 1)[0]
    assert slopes == pytest.approx(-0.5, abs=0.2)
    assert float(np.abs(angles[2]).max()) < 3


def test_a_start_without_feedback_is_shallow_learning():
    """Hidden layers stand still, and what is left is a kernel: the lazy limit's own."""
    asked = experiment(64, {"shallow": 0.02}, layers=1, activation="erf").with_settings(
        {"network.start.gain": 1.0, "seeds": 2, "record.quantities": []}
    )
    lazy, mean_field = fa.solve(asked, "lazy"), fa.solve(asked, DMFTMethod(samples=20_000))
    np.testing.assert_allclose(mean_field["loss"], lazy["loss"], rtol=0.05)


def test_divergence_is_told_and_nothing_before_it_is_lost():
    asked = experiment(16, {"feedback_alignment": 3.0}, layers=1, activation="linear", steps=60)
    asked = asked.with_settings({"network.start.gain": 1.0, "seeds": 1})
    with pytest.warns(fa.errors.DivergedWarning):
        answer = fa.solve(asked, DMFTMethod(samples=64))
    since = answer["diverged_at"].item()
    assert since > 0
    lost = answer["step"].values >= since
    assert np.isnan(answer["loss"].values[..., lost]).all()
    assert np.isfinite(answer["loss"].values[..., ~lost]).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rules": {"backprop": 0.1}}, "response functions"),
        ({"rules": {"usf": 0.1}}, "method 'lazy' has their lazy limit"),
        (
            {"rules": {"x": {"rule": "rndf", "learning_rate": 0.1, "initial_concordance": 0.9}}},
            "not independent",
        ),
        ({"schedule.batch_size": 2}, "set schedule.batch_size to 4"),
        ({"task.samples": 0}, "give task.samples"),
        ({"network.output": "tanh"}, "the output units are"),
        ({"update.momentum": 0.9}, "momentum"),
    ],
)
def test_what_it_does_not_know_is_refused(settings, said):
    asked = experiment(8, {"rndf": 0.1})
    with pytest.raises(RegimeError, match=said):
        fa.solve(asked.with_settings(settings), "dmft")


def test_what_it_cannot_give_is_absent_with_the_reason():
    asked = experiment(8, {"rndf": 0.1}, steps=2).with_settings(
        {"record.quantities": ["weights", "delta_angle_flattened"], "task.noise": 0.1, "seeds": 1}
    )
    absent = json.loads(fa.solve(asked, DMFTMethod(samples=64)).attrs["absent_quantities"])
    assert "no single weights" in absent["weights"]
    assert "noise" in absent["delta_angle_flattened"]
    with pytest.raises(RegimeError, match="samples must be a whole number, 64 or larger; got 3"):
        DMFTMethod(samples=3)


def test_more_samples_are_asked_for_by_an_object_and_tell_a_smaller_error():
    """By name the method has 4000; four times as many halve what it tells of its own error."""
    asked = experiment(8, {"rndf": 0.1}, steps=4).with_settings({"seeds": 1})
    named, same = fa.solve(asked, "dmft"), fa.solve(asked, DMFTMethod(samples=4000))
    np.testing.assert_array_equal(named["loss"], same["loss"])
    told = [
        float(fa.solve(asked, DMFTMethod(samples=n))["loss_sampling_error"].isel(step=-1).item())
        for n in (512, 32 * 512)
    ]
    assert told[1] < told[0] / 2


def test_the_error_of_angles_is_the_scatter_of_answers_over_seeds_of_the_samples():
    """Of answers that differ in nothing but their copies of units."""
    layered = {"layered": rules(64)["layered"]}
    asked = experiment(64, layered, steps=4).with_settings({"seeds": 1})
    answers = [fa.solve(asked, Shifted(i, 256)) for i in range(32)]
    name = "delta_angle_flattened"
    spread = np.std([one[name] for one in answers], axis=0, ddof=1)[..., 2:, :-1]
    told = [one[f"{name}_sampling_error"].values[..., 2:, :-1] for one in answers]
    told = np.sqrt(np.mean(np.square(told), axis=0))
    assert (told > 0).all()
    assert np.abs(np.log(told / spread)).max() < np.log(1.8)
    assert np.abs(np.mean(np.log(told / spread))) < np.log(1.3)
    # The output is handed the error itself.
    assert (answers[0][f"{name}_sampling_error"].isel(layer=-1) == 0).all()
