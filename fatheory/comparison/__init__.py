"""Theory against simulation, from their archives alone."""

from fatheory.comparison.compare import compare as compare
