"""Values that no run can have are refused with where they stand and what is allowed."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.archive import require_possible, save
from fatheory.errors import SchemaError

ASKED = fa.Experiment(
    task=fa.LinearTask(inputs=4, outputs=2),
    network=fa.DenseNetwork(hidden=(3,)),
    rules={"feedback_alignment": 0.01},
    schedule=fa.Schedule(phases=(fa.Phase(steps=4),)),
    record=fa.Record(
        snapshots=3,
        probe_samples=6,
        quantities=("weights", "weight_angle", "sign_concordance", "weight_norm", "gradient_norm"),
    ),
)


@pytest.fixture(scope="module")
def archive():
    return fa.simulate(ASKED, progress=False)


def changed(archive, name, value):
    mine = archive.copy(deep=True)
    mine[name].values.reshape(-1)[-1] = value
    return mine


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("loss", -1.0, "finite, 0 or larger; at rule feedback_alignment, seed 0, step 4 it is -1"),
        ("loss", -np.inf, "finite, 0 or larger; .* it is -inf"),
        ("loss", np.inf, "finite, 0 or larger; .* it is inf"),
        ("weight_angle", 180.5, "between 0 and 180; .* step 4, layer 2 it is 180.5"),
        ("weight_angle", -1.0, "between 0 and 180; .* it is -1"),
        ("sign_concordance", 1.5, "between 0 and 1; .* it is 1.5"),
        ("weight_norm", -2.0, "finite, 0 or larger"),
        ("gradient_norm", -2.0, "finite, 0 or larger"),
        ("weight_1", np.inf, "must be finite; .* unit_1 2, unit_0 3 it is inf"),
    ],
)
def test_impossible_values_are_not_stored(archive, tmp_path, name, value, words):
    with pytest.raises(SchemaError, match=words):
        save(changed(archive, name, value), tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_bounds_follow_from_units_too(archive):
    """An error in percent, of a quantity that declares no more."""
    mine = archive.copy(deep=True)
    error = fa.archive.assemble(
        {"classification_error": np.full((1, 1, len(archive.step)), 101.0)}, {}, {}, n_layers=2
    )["classification_error"]
    mine["classification_error"] = error
    with pytest.raises(SchemaError, match="classification_error must be between 0 and 100"):
        require_possible(mine)


@pytest.mark.parametrize(
    ("name", "value"),
    [("loss", np.nan), ("loss", -1e-12), ("weight_angle", 180.00002), ("loss", 0.0)],
)
def test_rounding_and_what_is_unknown_pass(archive, name, value):
    require_possible(changed(archive, name, value))


def test_of_runs_that_diverged_infinity_is_believed(archive):
    mine = changed(archive, "loss", np.inf)
    mine["diverged"][:], mine["diverged_at"][:] = True, 4
    require_possible(mine)
