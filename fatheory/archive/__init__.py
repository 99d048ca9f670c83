"""Run archives: labelled, validated, stored whole or not at all, read back unchanged."""

from fatheory.archive.assembly import assemble as assemble
from fatheory.archive.export import to_netcdf as to_netcdf
from fatheory.archive.origin import provenance as provenance
from fatheory.archive.schema import validate as validate
from fatheory.archive.store import check_destination as check_destination
from fatheory.archive.store import load as load
from fatheory.archive.store import save as save
