"""The catalogue of results: each statement with its assumptions, source, function and residual."""

from fatheory.theory.statements.collect import find_entry as find_entry
from fatheory.theory.statements.collect import residuals as residuals
from fatheory.theory.statements.entry import Entry as Entry
from fatheory.theory.statements.render import catalogue_markdown as catalogue_markdown
from fatheory.theory.statements.render import catalogue_table as catalogue_table
from fatheory.theory.statements.render import residual_text as residual_text
from fatheory.theory.statements.table import Catalogue as Catalogue
from fatheory.theory.statements.table import catalogue as catalogue
