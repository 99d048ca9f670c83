"""What every metric of an archive does before it computes: look by label, and say what is lost."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import Concatenate, ParamSpec, TypeVar

import xarray as xr

from fatheory.archive import warn_of_divergence
from fatheory.checks import require_kind
from fatheory.metrics.archive_view import ArchiveView
from fatheory.metrics.chunked import in_chunks

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result", xr.DataArray, xr.Dataset)
Compute = Callable[Concatenate[ArchiveView, Parameters], Result]
Metric = Callable[Concatenate[xr.Dataset, Parameters], Result]


def require_archive(archive: object) -> None:
    """Refuse what is no dataset, before anything is looked for in it.

    Raises
    ------
    WrongKindError
        If it is something else.
    """
    require_kind("archive", archive, xr.Dataset, "fatheory.load(PATH) reads a stored one")


def metric(compute: Compute[Parameters, Result]) -> Metric[Parameters, Result]:
    """Make a metric of archives from what is computed of a view of one.

    It warns of runs that diverged, since their values are not there.
    """

    @wraps(compute)
    def measured(
        archive: xr.Dataset, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        require_archive(archive)
        warn_of_divergence(archive)
        return compute(ArchiveView(archive), *args, **kwargs)

    return _of_archives(measured)


def chunked_metric(compute: Compute[Parameters, Result]) -> Metric[Parameters, Result]:
    """Make a metric that treats every step by itself; large archives are read some steps at a time.

    An archive in memory is looked at as it is. One that is read when it is used (`fatheory.load`
    of more than 1 GiB) is so chunk by chunk.
    """

    @wraps(compute)
    def measured(
        archive: xr.Dataset, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        require_archive(archive)
        warn_of_divergence(archive)
        return in_chunks(archive, lambda chunk: compute(ArchiveView(chunk), *args, **kwargs))

    return _of_archives(measured)


def _of_archives(measured: Metric[Parameters, Result]) -> Metric[Parameters, Result]:
    """Let the signature that help shows begin with an archive."""
    shown = signature(measured)
    # What is computed takes a view, which no caller has ever seen.
    _, *others = shown.parameters.values()
    first = Parameter("archive", Parameter.POSITIONAL_OR_KEYWORD, annotation=xr.Dataset)
    vars(measured)["__signature__"] = shown.replace(parameters=[first, *others])
    return measured
