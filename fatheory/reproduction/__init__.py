"""Figures of papers: computed, checked against the paper's claims, drawn, stored, drawn again."""

from fatheory.reproduction.origin import origin as origin
from fatheory.reproduction.paper_figure import PaperFigure as PaperFigure
from fatheory.reproduction.small_result import load_result as load_result
from fatheory.reproduction.small_result import store_result as store_result
