"""The distributions of weights."""

import json

import numpy as np
import pytest

import fatheory as fa
from fatheory.experiment import Normal, Scaled, Uniform, migration

SHAPE = (300, 500)
KERNEL = (100, 60, 5, 4)


@pytest.mark.parametrize("form", ["normal", "uniform"])
@pytest.mark.parametrize(
    ("shape", "fan", "width"),
    [
        (SHAPE, "in", 500),
        (SHAPE, "average", 400),
        (KERNEL, "in", 60 * 20),
        (KERNEL, "average", 80 * 20),
    ],
)
def test_scaled_weights_have_the_deviation_of_their_fan(form, shape, fan, width):
    law = Scaled(gain=1.5, fan=fan, shape=form)
    W = law.draw(np.random.default_rng(1), shape)
    assert W.shape == shape
    std = 1.5 / np.sqrt(width)
    # The deviation of n numbers scatters by std sqrt((kurtosis - 1) / 4 n): 3 and 9/5 here.
    scatter = {"normal": np.sqrt(2), "uniform": np.sqrt(0.8)}[form] / np.sqrt(4 * W.size)
    assert abs(W.std() / std - 1) < 4 * scatter
    assert abs(W.mean()) < 4 * std / np.sqrt(W.size)
    bound = np.sqrt(3) * std
    largest = np.abs(W).max()
    assert (0.999 * bound < largest <= bound) == (form == "uniform")
    assert (largest > 4 * std) == (form == "normal")


def test_scaled_matrices_are_these_draws():
    def rng():
        return np.random.default_rng(4)

    drawn = Scaled(gain=1.5).draw(rng(), (3, 5))
    np.testing.assert_array_equal(drawn, rng().normal(0.0, 1.5 / np.sqrt(5), (3, 5)))
    drawn = Scaled(fan="average", shape="uniform").draw(rng(), (3, 5))
    bound = np.sqrt(3) * (1.0 / np.sqrt(4.0))
    np.testing.assert_array_equal(drawn, rng().uniform(-bound, bound, (3, 5)))


def test_a_kernel_of_one_pixel_is_a_matrix():
    for fan in ("in", "average"):
        law = Scaled(fan=fan)
        kernel = law.draw(np.random.default_rng(5), (3, 4, 1, 1))
        np.testing.assert_array_equal(kernel[..., 0, 0], law.draw(np.random.default_rng(5), (3, 4)))


def test_scaled_weights_keep_the_size_of_activity():
    """Gain 1 with fan in: each unit's sum over white input has variance 1."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2000, 400))
    for shape in ("normal", "uniform"):
        sums = x @ Scaled(shape=shape).draw(rng, (50, 400)).T
        assert abs(sums.var() - 1) < 0.05


@pytest.mark.parametrize("law", [Scaled(gain=0), Normal(std=0), Uniform(bound=0)])
def test_laws_of_size_zero_give_zeros(law):
    np.testing.assert_array_equal(law.draw(np.random.default_rng(0), (3, 4)), np.zeros((3, 4)))


# What they were called before.


def asked(**start):
    """Describe an experiment with this start, as JSON has it."""
    return {
        "task": {"kind": "linear", "inputs": 3, "outputs": 2, "target": {"law": "scaled"}},
        "network": {"hidden": [4], "start": start, "biases": {"law": "uniform", "bound": 0.1}},
        "rules": {"law": {"rule": "backprop", "learning_rate": 0.1}},
        "schedule": {"steps": 5},
    }


def test_descriptions_of_earlier_versions_are_read_without_a_word():
    text = json.dumps({"version": 3} | asked(law="normal", std=0.3))
    read = fa.Experiment.from_json(text)
    assert read.network.start == Normal(std=0.3)
    assert read.rule_labels == ("law",)  # a label is nobody's tag
    # What the version before called it, so that its archives are found.
    assert read.content_hash == "38f5c9a3eed775ab"
    again = json.loads(read.to_json())
    assert again["network"]["biases"] == {"distribution": "uniform", "bound": 0.1}
    assert '"law": "' not in read.to_json()


def test_the_former_name_is_read_and_says_what_it_is_called():
    told = "the key 'law' of a distribution is called 'distribution'"
    with pytest.warns(DeprecationWarning, match=told):
        assert Normal(law="normal", std=0.3) == Normal(std=0.3)
    preset = fa.presets["lillicrap2016/fig2"]
    with pytest.warns(DeprecationWarning, match=told):
        changed = preset.with_settings({"network.start": {"law": "normal", "std": 0.3}})
    assert changed.network.start == Normal(std=0.3)


def test_what_others_call_so_is_left_alone():
    own = {"law": "uniform", "pace": 2}
    data = {"task": {"kind": "theirs", "law": "uniform", "parts": [own]}, "network": {}}
    assert migration.MIGRATIONS[3](data) == data
