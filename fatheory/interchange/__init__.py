"""What other programs have recorded, as archives of fatheory."""

from fatheory.interchange.foreign_run import from_arrays as from_arrays
from fatheory.listing import public_names as _public_names

__dir__ = _public_names(__name__)
