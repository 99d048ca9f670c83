"""What tells own quantities of one name apart: source, and whatever else they compute with."""

import functools
import threading
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import fatheory as fa
from fatheory import labels
from fatheory.archive import is_unfinished
from fatheory.arrays import namespace
from fatheory.errors import InvalidExperimentError, PluginError
from fatheory.quantities import QUANTITIES, Need, Quantity, of_function, register
from fatheory.quantities.fingerprint import Fingerprint, digest, source_text
from fatheory.train.sinks import OnDisk

POWER = 2
TABLE = {"scale": np.arange(3.0)}


def power_mean(weights, power=2):
    """Mean power of the weights of layer 1."""
    return namespace(*weights).mean(weights[0] ** power, axis=(-2, -1))


def helped(weights):
    """Mean by a helper."""
    return helper(weights[0])


def helper(W):
    return namespace(W).mean(W**POWER, axis=(-2, -1))


def of_constants(weights):
    """Mean of constants."""
    return helper(weights[0]) * sum(TABLE["scale"])


def capturing(value):
    """Return a function that captured a value; all of them have one source."""

    def mean_power(weights):
        return helper(weights[0]) * (value is not None)

    return mean_power


def asked(*quantities):
    return fa.Experiment(
        task=fa.LinearTask(inputs=3, outputs=2),
        network=fa.DenseNetwork(hidden=(4,), start=fa.Uniform(bound=0.5)),
        rules={"backprop": 0.05},
        schedule=fa.Schedule(phases=(fa.Phase(steps=3),)),
        record=fa.Record(quantities=("weights", *quantities), snapshots=2, probe_samples=5),
        precision="float64",
    )


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    QUANTITIES.forget()


def digest_of(function, **named):
    return of_function(function, **named).digest


DIFFERENT = {
    "numbers": (2, 3),
    "kinds of numbers": (1, 1.0),
    "arrays": (np.zeros(3), np.array([0.0, 0.0, 1e-300])),
    "shapes": (np.zeros((2, 3)), np.zeros((3, 2))),
    "precisions": (np.zeros(3), np.zeros(3, np.float32)),
    "lists": ([1, [2]], [1, [3]]),
    "mappings": ({"a": 1}, {"a": 2}),
    "sets": ({1, 2}, {1, 3}),
    "functions": (power_mean, helper),
    "closures": (capturing(1), capturing(2)),
    "partials": (functools.partial(power_mean, power=2), functools.partial(power_mean, power=3)),
    "ufuncs": (np.sin, np.cos),
    "bound functions": (np.arange(3).sum, np.arange(4).sum),
    "objects": (capturing, np.random.default_rng),
    "needs": (Need.WEIGHTS, Need.SIGNALS),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_captured_values_tell_closures_apart(kind):
    one, other = DIFFERENT[kind]
    assert digest_of(capturing(one)) == digest_of(capturing(one))
    assert digest_of(capturing(one)) != digest_of(capturing(other))


def test_equal_values_have_one_digest():
    for make in (
        lambda: np.arange(4.0),
        lambda: {"b": [1, (2, "x")]},
        lambda: {3, 1, 2},
        lambda: functools.partial(power_mean, power=3),
        lambda: capturing(capturing(4)),
    ):
        assert digest_of(capturing(make())) == digest_of(capturing(make()))
    shared = np.arange(3.0)
    assert digest_of(capturing([shared, shared])) == digest_of(capturing([shared, shared.copy()]))


def test_helpers_and_constants_are_followed(monkeypatch):
    before = digest_of(helped), digest_of(of_constants)
    monkeypatch.setitem(globals(), "POWER", 4)
    after = digest_of(helped), digest_of(of_constants)
    assert not set(before) & set(after)
    monkeypatch.undo()
    assert (digest_of(helped), digest_of(of_constants)) == before
    monkeypatch.setitem(TABLE, "scale", np.ones(3))
    assert (digest_of(helped), digest_of(of_constants)) == (before[0], digest_of(of_constants))
    assert digest_of(of_constants) != before[1]
    monkeypatch.setitem(globals(), "helper", power_mean)
    assert digest_of(helped) != before[0]


def test_defaults_and_partials_are_told_apart():
    cubic = functools.partial(power_mean, power=3)
    one, other = of_function(power_mean), of_function(cubic)
    assert one.name == other.name == "power_mean"
    assert one.digest != other.digest
    assert of_function(cubic, name="cubic_mean").name == "cubic_mean"
    run = fa.simulate(asked(of_function(cubic, name="cubic_mean")), progress=False)
    expected = (run["weight_1"] ** 3).mean(("unit_1", "unit_0"))
    np.testing.assert_allclose(run["cubic_mean"], expected, rtol=1e-14)


def test_what_is_all_in_the_source_has_the_digest_of_earlier_versions():
    def trace(weights):
        return namespace(*weights).sum(weights[0], axis=(-2, -1))

    assert digest_of(trace) == digest(source_text(trace))
    assert digest_of(helped) != digest(source_text(helped))


def test_functions_that_call_each_other_have_a_digest():
    def even(weights):
        return odd(weights[1:]) if weights else 1.0

    def odd(weights):
        return even(weights[1:]) if weights else 0.0

    assert digest_of(even) == digest_of(even)
    assert digest_of(even) != digest_of(odd)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.random.default_rng(0), "Generator"),
        (threading.Lock(), "lock"),
        ((n for n in range(3)), "generator"),
        (memoryview(b"x"), "memoryview"),
    ],
)
def test_what_cannot_be_told_apart_is_refused_in_words(value, kind):
    message = rf"'mean_power'.*value, which .* captured, of type {kind}, by which it cannot be told"
    with pytest.raises(PluginError, match=message):
        of_function(capturing(value))
    with pytest.raises(InvalidExperimentError, match="use numbers, text, arrays"):
        asked(capturing(value))


def test_objects_are_told_by_their_attributes():
    class Scaled(Quantity):
        name = "scaled"
        summary = "a weight, scaled"
        needs = frozenset({Need.WEIGHTS})
        variables = {"scaled": fa.labels.per_run("1", "scaled")}  # noqa: RUF012

        def __init__(self, by):
            self.by = by

        def compute(self, view):
            return {"scaled": self.by * view.weights[0][..., 0, 0]}

    digests = {Scaled(by).digest for by in (1, 2, 2, 3.0)}
    assert len(digests) == 3
    one = register(Scaled(1))
    first = asked("scaled")
    register(Scaled(2))
    with pytest.raises(PluginError, match=r"'scaled' .* another than when the experiment was desc"):
        fa.simulate(first, progress=False)
    register(one)
    assert fa.simulate(first, progress=False)["scaled"].notnull().all()


def test_an_archive_is_read_whatever_became_of_its_quantity(tmp_path):
    run = fa.simulate(asked(of_function(capturing(1))), path=tmp_path / "run", progress=False)
    register(of_function(capturing(2)))
    again = fa.load(tmp_path / "run")
    # All that was recorded is there, and so is what follows from it.
    read = fa.metrics.quantity(again, "mean_power").mean_power
    np.testing.assert_array_equal(read, run["mean_power"])
    assert fa.metrics.quantity(again, "weight_norm").weight_norm.notnull().all()
    assert fa.Experiment.from_archive(again) == fa.Experiment.from_json(run.attrs["experiment"])
    # It is not computed for the archive any more, and the message names it.
    changed = r"'mean_power' \(test_own_digests\) is another than when the experiment was described"
    with pytest.raises(PluginError, match=changed):
        fa.metrics.quantity(again.drop_vars("mean_power"), "mean_power")
    with pytest.raises(PluginError, match=changed):
        fa.solve(fa.Experiment.from_archive(again), "flow")
    with pytest.raises(PluginError, match=changed):
        fa.simulate(fa.Experiment.from_archive(again), progress=False)


def test_descriptions_of_earlier_versions_are_those_of_their_source():
    function = capturing(1)
    described = asked(of_function(function))
    former = {"sources": {"mean_power": digest(source_text(function))}}
    old = described.replaced(record=described.record.model_dump() | former)
    assert old.content_hash != described.content_hash
    assert fa.simulate(old, progress=False)["mean_power"].notnull().all()
    assert fa.Experiment.from_json(old.to_json()) == old


class Ordered(Quantity):
    """Its order stands in its source."""

    name = "ordered"
    summary = "a class value"
    variables: ClassVar = {}
    order = 2
    signed: float = -0.5

    def compute(self, view):
        return {"ordered": self.order * self.signed}


def test_values_that_the_source_says_leave_the_digest_of_earlier_versions(monkeypatch):
    before = Ordered().digest
    assert before == Ordered().former_digest == digest(source_text(Ordered))
    monkeypatch.setattr(Ordered, "order", 3)
    assert Ordered().digest != before


NESTED = st.recursive(
    st.integers(0, 2) | st.sampled_from(["", "1", "int 1", "1:x"]),
    lambda own: st.lists(own, max_size=3) | st.dictionaries(st.text("ab", max_size=1), own),
    max_leaves=6,
)


@given(NESTED, NESTED)
@example([[1], 2], [[1, 2]])
@example({"a": [1], "b": 2}, {"a": [1, "b", 2]})
def test_one_text_is_of_one_value(one, other):
    texts = [Fingerprint("x", "m").told("w", value) for value in (one, other)]
    assert (texts[0] == texts[1]) == (repr(one) == repr(other))


class Several(Quantity):
    """Values of its class that are no single plain literals."""

    name = "several"
    summary = "class values"
    needs = frozenset({Need.WEIGHTS})
    variables: ClassVar = {"several": labels.Variable(labels.RUN, labels.DIMENSIONLESS, "several")}
    orders = (1, 2)
    a, b = 1, 2
    tol = 1e-3 * 2

    def compute(self, view):
        first = namespace(*view.weights).mean(view.weights[0], axis=(-2, -1))
        return {"several": first * sum(self.orders) * (self.a + self.b) * self.tol}


def as_before():
    """The digest of `Several` by hand, as versions that joined texts by zeros had it."""
    kept = ("orders", "tuple\0int 1\0int 2", "a", "int 1", "b", "int 2", "tol", "float 0.002")
    return digest("\0".join([source_text(Several), *kept]))


@pytest.mark.parametrize("steps", ["finished", "unfinished"])
def test_archives_of_former_digests_are_found_and_continued(steps, tmp_path, monkeypatch):
    register(Several)
    now = Several().digest
    assert as_before() in Several().former_digests
    assert as_before() != now
    mine = asked("several").with_settings({"record.snapshots": 4})
    whole = fa.simulate(mine, progress=False)
    record = mine.record.model_dump() | {"sources": {"several": as_before()}}
    old = mine.replaced(record=record)
    assert old.content_hash != mine.content_hash
    path = tmp_path / "run"
    if steps == "unfinished":
        with monkeypatch.context() as stopped:
            stopped.setattr(OnDisk, "reached", stop)
            with pytest.raises(KeyboardInterrupt):
                fa.simulate(old, path=path, progress=False)
        assert is_unfinished(path)
    else:
        fa.simulate(old, path=path, progress=False)
    assert old.content_hash in mine.former_hashes  # by which figures find the runs they kept
    found = fa.simulate(mine, path=path, progress=False)
    assert found.attrs["experiment_hash"] == old.content_hash
    np.testing.assert_array_equal(found["several"], whole["several"])
    # Another value of the class is another quantity, of whatever version the archive is.
    monkeypatch.setattr(Several, "orders", (1, 3))
    with pytest.raises(fa.FatheoryError):
        fa.simulate(asked("several"), path=path, progress=False)


COMMITTED = OnDisk.reached


def stop(self, step, *given):
    """Write what is done after the first update, and end there."""
    self._due = 0.0
    COMMITTED(self, step, *given)
    assert step == 1
    raise KeyboardInterrupt
