"""What every metric asks of an archive before it computes."""

import pytest
import xarray as xr
from metric_archives import ONLINE, experiment, without

from fatheory import metrics
from fatheory.errors import ArchiveError
from fatheory.theory import solve

METRICS = [
    metrics.angle,
    metrics.invariant_drift,
    metrics.normalized_squared_error,
    metrics.positive_alignment,
    metrics.sign_concordance,
    metrics.pseudoinverse_alignment,
    metrics.pseudobackprop_angles,
]
every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)


@every_metric
def test_a_dataset_that_is_no_archive_is_refused(metric):
    with pytest.raises(ArchiveError, match=r"metrics read run archives, as fatheory\.simulate"):
        metric(xr.Dataset({"loss": ("step", [1.0])}))


@every_metric
@pytest.mark.parametrize("dim", ["rule", "seed", "step"])
def test_a_selection_that_drops_an_axis_commutes_with_the_metric(solved, metric, dim):
    xr.testing.assert_allclose(metric(solved.isel({dim: 0})), metric(solved).isel({dim: 0}))


@every_metric
@pytest.mark.parametrize("layers", [[1], [2, 0], [1, 2], 1])
def test_a_selection_of_layers_commutes_with_the_metric(solved, metric, layers):
    whole = metric(solved)
    expected = whole.isel(layer=layers, missing_dims="ignore")
    found = metric(solved.isel(layer=layers))
    xr.testing.assert_allclose(found, expected.assign_coords(found.coords))


@every_metric
def test_selections_by_lists_commute_with_the_metric(solved, metric):
    some = {"rule": ["usf", "backprop"], "seed": [8]}
    found, whole = metric(solved.sel(some)), metric(solved)
    xr.testing.assert_allclose(found, whole.sel(some), rtol=1e-12, atol=1e-12)


@every_metric
def test_the_archive_is_not_changed(solved, metric):
    before = solved.copy(deep=True)
    metric(solved)
    xr.testing.assert_identical(solved, before)


def test_rules_that_draw_nothing_need_no_stored_feedback():
    plain = solve(experiment(("backprop", "pseudobackprop")))
    assert not [name for name in plain if str(name).startswith("feedback")]
    bare = without(plain, *ONLINE, "teaching_signal", "backprop_signal")
    for of in ("weight", "delta", "unit"):
        assert (metrics.angle(bare, of).sel(rule="backprop").to_numpy()[..., 1] == 0).all()
    assert float(metrics.invariant_drift(bare).sel(rule="backprop", layer=1).max()) < 1e-9


@pytest.mark.parametrize(
    "metric", [metrics.sign_concordance, metrics.invariant_drift, metrics.positive_alignment]
)
def test_feedback_that_was_taken_away_is_named(solved, metric):
    with pytest.raises(ArchiveError, match=r"no 'feedback_3', which the rule '.*' draws"):
        metric(solved.drop_vars("feedback_3"))
