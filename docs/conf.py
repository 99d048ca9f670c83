"""Settings of the site; `sphinx-build -W --keep-going docs out/site` builds it, without a network.

Pages that follow from the package (API, theory, claims, glossary, gallery, lists) are written into
``docs/generated`` before the build begins, by the modules of ``docs/pages``.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import fatheory  # noqa: E402

project = "fatheory"
author = "The fatheory developers"
copyright = "2026, The fatheory developers"
version = release = fatheory.__version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx-mathjax-offline",
    "pages",
]
exclude_patterns = ["_build", "conf.py", "pages", "**.ipynb_checkpoints", "jupyter_execute"]
root_doc = "index"
# Single backticks in docstrings name what is documented somewhere; what is not stays plain code.
default_role = "py:obj"

# Links to other projects need their inventories, which need a network.
if os.environ.get("FATHEORY_DOCS_ONLINE"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "jax": ("https://docs.jax.dev/en/latest/", None),
        "matplotlib": ("https://matplotlib.org/stable/", None),
        "numpy": ("https://numpy.org/doc/stable/", None),
        "python": ("https://docs.python.org/3/", None),
        "xarray": ("https://docs.xarray.dev/en/stable/", None),
    }

autodoc_default_options = {"member-order": "bysource", "exclude-members": "model_config"}
autodoc_typehints = "none"  # numpydoc sections say types in words, and shapes
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "executed")
nb_execution_show_tb = True  # and the build fails, for it is a warning
nb_execution_timeout = 300
nb_execution_in_temp = True
nb_merge_streams = True
# Kernels are processes of their own, and find this checkout as this one does.
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])

html_theme = "pydata_sphinx_theme"
html_title = f"fatheory {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# Pages without pages below them have the room of the sidebar.
_ALONE = ("index", "faq", "generated/claims", "generated/gallery")
html_sidebars: dict[str, list[str]] = {page: [] for page in _ALONE}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
