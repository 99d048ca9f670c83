"""Theory against simulation, from their archives alone."""

from fatheory.comparison.compare import compare as compare
from fatheory.listing import public_names as _public_names

__dir__ = _public_names(__name__)
