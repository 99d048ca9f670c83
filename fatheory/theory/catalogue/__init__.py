"""The catalogue of results: each statement with its assumptions, source, function and residual."""

from fatheory.theory.catalogue.collect import catalogue as catalogue
from fatheory.theory.catalogue.collect import find_entry as find_entry
from fatheory.theory.catalogue.collect import residuals as residuals
from fatheory.theory.catalogue.entry import Entry as Entry
from fatheory.theory.catalogue.render import catalogue_markdown as catalogue_markdown
from fatheory.theory.catalogue.render import catalogue_table as catalogue_table
