"""Run archives: labelled, validated, stored whole or not at all, read back unchanged."""

from importlib import import_module as _import_module

from fatheory.archive.appendable import AppendableArchive as AppendableArchive
from fatheory.archive.appendable import is_unfinished as is_unfinished
from fatheory.archive.assembly import assemble as assemble
from fatheory.archive.assembly import computed_on as computed_on
from fatheory.archive.assembly import joined_origin as joined_origin
from fatheory.archive.assembly import joined_texts as joined_texts
from fatheory.archive.assembly import joined_versions as joined_versions
from fatheory.archive.assembly import largest_unit_axis as largest_unit_axis
from fatheory.archive.assembly import provenance as provenance
from fatheory.archive.assembly import with_axes as with_axes
from fatheory.archive.assembly import with_own_axes as with_own_axes
from fatheory.archive.assembly import without_axis as without_axis
from fatheory.archive.divergence import describe_divergence as describe_divergence
from fatheory.archive.divergence import level_of_user as level_of_user
from fatheory.archive.divergence import warn_of_divergence as warn_of_divergence
from fatheory.archive.files import resolved as resolved
from fatheory.archive.integrity import Integrity as Integrity
from fatheory.archive.integrity import check as check
from fatheory.archive.integrity import repair as repair
from fatheory.archive.layout import Template as Template
from fatheory.archive.manifest import RUN as RUN
from fatheory.archive.manifest import SWEEP as SWEEP
from fatheory.archive.replacement import Closing as Closing
from fatheory.archive.replacement import WriterLock as WriterLock
from fatheory.archive.replacement import check_free as check_free
from fatheory.archive.replacement import publish_folder as publish_folder
from fatheory.archive.replacement import recover as recover
from fatheory.archive.replacement import writing as writing
from fatheory.archive.run_writer import DONE as DONE
from fatheory.archive.run_writer import RunWriter as RunWriter
from fatheory.archive.schema import require_possible as require_possible
from fatheory.archive.schema import require_version as require_version
from fatheory.archive.schema import validate as validate
from fatheory.archive.small_result import load_result as load_result
from fatheory.archive.small_result import store_result as store_result
from fatheory.archive.store import attributes as attributes
from fatheory.archive.store import check_destination as check_destination
from fatheory.archive.store import commits as commits
from fatheory.archive.store import finished_run as finished_run
from fatheory.archive.store import load as load
from fatheory.archive.store import save as save
from fatheory.archive.store import to_netcdf as to_netcdf
from fatheory.listing import public_names as _public_names
from fatheory.renamed import renamed as _renamed

__dir__ = _public_names(__name__)
_former = _renamed(
    __name__,
    {
        "GrowingArchive": "fatheory.archive:AppendableArchive",
        "Health": "fatheory.archive:Integrity",
    },
)


def __getattr__(name: str) -> object:
    # It has a room of its own above this one, which must not be loaded with it; the name stays.
    if name == "from_arrays":
        return _import_module("fatheory.interchange").from_arrays
    return _former(name)
