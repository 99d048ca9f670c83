"""The gallery: every figure whose result is stored, drawn again in small."""

from pathlib import Path

import matplotlib.pyplot as plt

from fatheory.claims import own_folder
from fatheory.figures import style
from fatheory.reproduction import figure_scripts, stored_figures
from pages.markdown import literal

DPI = 70


def gallery_pages(folder: Path) -> dict[str, str]:
    """Return the page of the gallery, and draw its images into a folder below."""
    images = folder / "images"
    images.mkdir(exist_ok=True)
    scripts = figure_scripts()
    parts = []
    for stored in stored_figures(own_folder()):
        place = images / f"{stored.name.replace('/', '-')}.png"
        with style():
            figure = stored.draw()
            figure.savefig(place, dpi=DPI)
        plt.close(figure)
        parts.append(_section(stored.name, scripts[stored.name].title, stored.caption, place))
    return {
        "gallery.md": "# Gallery\n\nFigures and tables of the papers, drawn by this build from the "
        "results that come with the package. Each is computed by a script of its own, which "
        "`fatheory reproduce NAME` runs; `--redraw` draws it as here.\n\n" + "\n".join(parts)
    }


def _section(name: str, title: str, caption: str, image: Path) -> str:
    return f"""## {literal(title)}

:::{{figure}} images/{image.name}
:alt: {title}

{literal(caption)}
:::

`fatheory reproduce {name}`
"""
