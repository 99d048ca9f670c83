"""What every metric asks of an archive before it computes."""

import pytest
import xarray as xr

from fatheory import metrics
from fatheory.errors import ArchiveError

METRICS = [
    metrics.angle,
    metrics.invariant_drift,
    metrics.normalized_squared_error,
    metrics.positive_alignment,
    metrics.sign_concordance,
]
every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)


@every_metric
def test_a_dataset_that_is_no_archive_is_refused(metric):
    with pytest.raises(ArchiveError, match=r"metrics read run archives, as fatheory\.simulate"):
        metric(xr.Dataset({"loss": ("step", [1.0])}))


@every_metric
@pytest.mark.parametrize("dim", ["rule", "seed", "step"])
def test_a_selection_that_drops_an_axis_is_refused(solved, metric, dim):
    with pytest.raises(ArchiveError, match=rf"no dimension {dim}; keep it .* with a list"):
        metric(solved.isel({dim: 0}))


@every_metric
@pytest.mark.parametrize("layers", [[1], [0, 2], [1, 2], 1])
def test_a_selection_of_layers_is_refused(solved, metric, layers):
    with pytest.raises(ArchiveError, match=r"its experiment \[1, 2, 3\]; select layers after"):
        metric(solved.isel(layer=layers))


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
