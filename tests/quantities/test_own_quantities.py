"""Quantities of one's own: functions, classes, and what is said of those that do not fit."""

from typing import ClassVar

import numpy as np
import pytest

import fatheory as fa
from fatheory import labels
from fatheory.arrays import namespace
from fatheory.errors import InvalidExperimentError, PluginError, QuantityError
from fatheory.quantities import QUANTITIES, Need, Quantity, of_function, register


def largest_weight(weights):
    """Largest absolute weight."""
    xp = namespace(*weights)
    return xp.max(xp.stack([xp.max(xp.abs(W), axis=(-2, -1)) for W in weights]), axis=0)


def asked(*quantities, **changes):
    parts = {
        "task": fa.LinearTask(inputs=3, outputs=2),
        "network": fa.DenseNetwork(hidden=(4,), start=fa.Uniform(bound=0.5)),
        "rules": {"backprop": 0.05},
        "schedule": fa.Schedule(phases=(fa.Phase(steps=3),)),
        "record": fa.Record(quantities=("weights", *quantities), snapshots=2, probe_samples=5),
        "precision": "float64",
    }
    return fa.Experiment(**(parts | changes))


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    QUANTITIES.forget()


def test_a_function_is_recorded_with_its_name_its_unit_and_its_source():
    experiment = asked(of_function(largest_weight, units="1 / input"))
    assert "largest_weight" in experiment.record.quantities
    run = fa.simulate(experiment, progress=False)
    expected = np.maximum(*(np.abs(run[f"weight_{i}"]).max(("unit_1", x)) for i, x in PAIRS))
    np.testing.assert_array_equal(run.largest_weight, expected)
    assert run.largest_weight.attrs["units"] == "1 / input"
    assert run.largest_weight.attrs["long_name"] == "Largest absolute weight"
    assert dict(experiment.record.sources).keys() == {"largest_weight"}
    assert fa.Experiment.from_json(run.attrs["experiment"]) == experiment


PAIRS = ((1, "unit_0"), (2, "unit_2"))


def test_a_plain_function_will_do():
    assert asked(largest_weight).record.quantities == ("largest_weight", "weights")


def test_another_source_is_another_experiment():
    first = asked(largest_weight)

    def other(weights):
        return 2 * largest_weight(weights)

    other.__name__ = "largest_weight"
    second = asked(other)
    assert first.content_hash != second.content_hash
    assert asked().content_hash == asked().content_hash
    # Read it is, so that its archives are; computed it is not.
    assert fa.Experiment.from_json(first.to_json()) == first
    with pytest.raises(PluginError, match=r"'largest_weight' .*describe the experiment anew"):
        fa.simulate(first, progress=False)


def test_a_class_is_registered_and_named():
    @register
    class Depth(Quantity):
        """The number of layers."""

        name = "depth"
        summary = "number of layers"
        needs = frozenset({Need.WEIGHTS})
        variables: ClassVar = {name: labels.per_run("layers", "depth")}

        def compute(self, view):
            xp = namespace(*view.weights)
            return {self.name: xp.full(view.weights[0].shape[:-2], float(len(view.weights)))}

    run = fa.simulate(asked("depth"), progress=False)
    np.testing.assert_array_equal(run["depth"], 2)
    assert run["depth"].attrs["units"] == "layers"


def of_shape(weights):
    """Return something per layer where one number was declared."""
    xp = namespace(*weights)
    return xp.stack([xp.sum(W, axis=(-2, -1)) for W in weights], axis=-1)


def failing(weights):
    """Divide by zero."""
    return weights[0] / (len(weights) - len(weights)) and 1 / 0


def undefined(weights):
    """Return NaN."""
    return namespace(*weights).sum(weights[0], axis=(-2, -1)) * float("nan")


def test_a_wrong_shape_is_refused_by_name():
    with pytest.raises(QuantityError, match=r"'of_shape' .*shape \(1, 1, 2\).*\(1, 1\)"):
        fa.simulate(asked(of_shape), progress=False)


def test_what_it_raises_is_told_with_its_name():
    with pytest.raises(QuantityError, match=r"'failing' \(.*test_own_quantities\) fails: "):
        fa.simulate(asked(failing), progress=False)


def test_numpy_on_compiled_arrays_is_told_in_one_line_with_the_cure():
    def by_numpy(weights):
        return np.asarray(weights[0]).sum(axis=(-2, -1))

    with pytest.raises(QuantityError, match="Tracer") as refused:
        fa.simulate(asked(of_function(by_numpy)), progress=False)
    told = str(refused.value)
    assert told.endswith("(fatheory.arrays.namespace)")
    assert "\n" not in told


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ("layer", r"dims='layer'; they are a sequence of names, such as dims=\(\"layer"),
        (("layers",), "'layers', unknown to archives; they have layer, sample"),
    ],
)
def test_dims_at_fault_are_told(dims, message):
    with pytest.raises(PluginError, match=message):
        of_function(undefined, dims=dims)


@pytest.mark.parametrize("what", ["units", "long_name", "equation"])
def test_labels_that_are_no_text_are_told(what):
    variable = labels.Variable(labels.RUN, "1", "a number")
    object.__setattr__(variable, what, None)  # past the check of types that tests have

    class Unlabelled(Quantity):
        name = summary = "unlabelled"
        needs = frozenset({Need.WEIGHTS})
        variables: ClassVar = {"unlabelled": variable}

    with pytest.raises(PluginError, match=f"{what} is text; got None"):
        register(Unlabelled)


def test_nothing_but_nan_is_told():
    with pytest.warns(fa.errors.QuantityWarning, match="'undefined' .* is NaN for every run"):
        fa.simulate(asked(undefined), progress=False)


def test_parameters_name_what_is_needed():
    def odd(weight):
        return weight

    with pytest.raises(InvalidExperimentError, match="'odd' is a function of weight; its param"):
        asked(odd)


def test_names_of_ours_are_not_taken():
    def delta_angle(weights):
        return largest_weight(weights)

    with pytest.raises(InvalidExperimentError, match="a name that fatheory has already"):
        asked(delta_angle)


@pytest.mark.parametrize(
    "name",
    [
        *("loss", "diverged", "diverged_at", "step", "rule", "seed", "layer", "time", "sample"),
        *("learning_rate", "weight_1", "unit_1", "unit_L", "feedback_2", "probe_input"),
        *("teaching_signal_1", "initial_speed", "status", "error", "wall_time_s", "source"),
        *("variable", "kernel_row_1", "unit_0_twin", "potential", "weighted_step"),
    ],
)
def test_names_that_archives_have_are_not_taken(name):
    with pytest.raises(PluginError, match=rf"the quantity {name!r} .* {name!r}, (which|a name)"):
        of_function(lambda weights: weights[0][..., 0, 0], name=name)


def test_a_quantity_that_no_array_can_hold_is_refused():
    for odd, kind in ((1j, "complex64|complex128"), ("x", "str")):

        def strange(weights, odd=odd):
            return weights[0][..., 0, 0] * odd if isinstance(odd, complex) else odd

        run = fa.simulate(asked(), progress=False)
        register(of_function(strange))
        with pytest.raises(QuantityError, match=rf"'strange'.* as ({kind}); archives hold arrays"):
            fa.metrics.quantity(run, "strange")
        with pytest.raises(QuantityError, match=rf"'strange'.* as ({kind}); archives hold arrays"):
            fa.simulate(asked("strange"), progress=False)


def test_metrics_hold_a_quantity_to_its_shape():
    register(of_function(of_shape))
    run = fa.simulate(asked(), progress=False)
    with pytest.raises(QuantityError, match=r"'of_shape' .*shape \(1, 1, 2, 2\).*\(1, 1, 2\)"):
        fa.metrics.quantity(run, "of_shape")

    def inputs_only(inputs):
        return namespace(inputs).sum(inputs, axis=(-2, -1))

    register(of_function(inputs_only))
    found = fa.metrics.quantity(run, "inputs_only").inputs_only
    assert found.dims == ("rule", "seed", "step")
    np.testing.assert_allclose(found, run["probe_input"].sum(("sample", "unit_0")).item())


def test_what_a_network_does_not_have_is_refused_before_the_run():
    def spike_count(spiking):
        return spiking.rates

    with pytest.raises(InvalidExperimentError, match="only for spiking networks: spike_count"):
        asked(spike_count)


def test_what_is_not_here_is_told_with_whom_it_came_from():
    text = asked(largest_weight).to_json()
    QUANTITIES.forget()
    with pytest.raises(InvalidExperimentError, match="largest_weight"):
        fa.Experiment.from_json(text)
    with pytest.raises(InvalidExperimentError, match="unknown quantity 'largest_weight'"):
        asked("largest_weight")
