"""Run archives: labelled, validated, stored whole or not at all, read back unchanged."""

from fatheory.archive.assembly import assemble as assemble
from fatheory.archive.export import to_netcdf as to_netcdf
from fatheory.archive.finished import finished_run as finished_run
from fatheory.archive.growing import GrowingArchive as GrowingArchive
from fatheory.archive.growing import is_unfinished as is_unfinished
from fatheory.archive.health import Health as Health
from fatheory.archive.health import check as check
from fatheory.archive.layout import Template as Template
from fatheory.archive.origin import computed_on as computed_on
from fatheory.archive.origin import joined_origin as joined_origin
from fatheory.archive.origin import joined_texts as joined_texts
from fatheory.archive.origin import joined_versions as joined_versions
from fatheory.archive.origin import provenance as provenance
from fatheory.archive.repair import repair as repair
from fatheory.archive.run_writer import DONE as DONE
from fatheory.archive.run_writer import RunWriter as RunWriter
from fatheory.archive.schema import validate as validate
from fatheory.archive.store import check_destination as check_destination
from fatheory.archive.store import load as load
from fatheory.archive.store import save as save
