"""Pages that follow from the package: written before the build, so that nothing is said twice."""

from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx

from pages.api import api_pages
from pages.docstrings import keep_formulas
from pages.gallery import gallery_pages
from pages.glossary import glossary_pages
from pages.ledger import ledger_pages, write_report_beside
from pages.links import resolve
from pages.lists import list_pages
from pages.speed import speed_pages
from pages.theory import theory_pages

WRITERS: tuple[Callable[[Path], dict[str, str]], ...] = (
    api_pages,
    theory_pages,
    ledger_pages,
    glossary_pages,
    list_pages,
    gallery_pages,
    speed_pages,
)
"""Each returns pages by name, given the folder for what they show."""


def write_pages(app: Sphinx) -> None:
    """Write all pages that have changed, and remove those that are no more."""
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    pages = {name: text for write in WRITERS for name, text in write(folder).items()}
    for old in {path.name for path in folder.glob("*.*") if path.is_file()} - pages.keys():
        (folder / old).unlink()
    for name, text in pages.items():
        page = folder / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    # Before numpydoc, which makes markup of the sections.
    app.connect("autodoc-process-docstring", keep_formulas, priority=400)
    app.connect("missing-reference", resolve)
    app.connect("build-finished", write_report_beside)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
