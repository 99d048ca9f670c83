"""Figures of papers: computed, checked against the paper's claims, drawn, stored, drawn again."""

from fatheory.archive import load_result as load_result
from fatheory.archive import store_result as store_result
from fatheory.listing import public_names as _public_names
from fatheory.renamed import renamed as _renamed
from fatheory.reproduction.arguments import beside_script as beside_script
from fatheory.reproduction.arguments import in_kernel as in_kernel
from fatheory.reproduction.arguments import leave as leave
from fatheory.reproduction.arguments import script_arguments as script_arguments
from fatheory.reproduction.cells import error_table as error_table
from fatheory.reproduction.image_sets import image_sets_at_hand as image_sets_at_hand
from fatheory.reproduction.origin import origin as origin
from fatheory.reproduction.paper_figure import PaperFigure as PaperFigure
from fatheory.reproduction.protocol import OLDER_DEPTH as OLDER_DEPTH
from fatheory.reproduction.protocol import protocol_note as protocol_note
from fatheory.reproduction.report import write_report as write_report
from fatheory.reproduction.run_cache import RunCache as RunCache
from fatheory.reproduction.scripts import FigureScript as FigureScript
from fatheory.reproduction.scripts import figure_scripts as figure_scripts
from fatheory.reproduction.scripts import find_script as find_script
from fatheory.reproduction.stored_figures import StoredFigure as StoredFigure
from fatheory.reproduction.stored_figures import stored_figures as stored_figures
from fatheory.reproduction.table_cells import at_scale as at_scale
from fatheory.reproduction.table_cells import claims_by_image_set as claims_by_image_set
from fatheory.reproduction.table_cells import compute_cells as compute_cells
from fatheory.reproduction.table_cells import compute_table as compute_table

__getattr__ = _renamed(__name__, {"Keep": "fatheory.reproduction:RunCache"})
__dir__ = _public_names(__name__)
