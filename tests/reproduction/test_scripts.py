"""Figure scripts are found by name, run with a command line of their own, and are installed."""

import sys
import tomllib
from pathlib import Path

import pytest

from fatheory.claims import own_folder, results, results_folder
from fatheory.errors import ClaimError, UnknownNameError
from fatheory.reproduction import figure_scripts, find_script

ROOT = Path(__file__).parents[2]


def test_every_script_of_a_checkout_is_found_with_its_title():
    scripts = figure_scripts()
    assert {script.path for script in scripts.values()} == set(ROOT.glob("paper_figs/*/*.py"))
    assert all("2016" in script.title for script in scripts.values())
    assert [path.name for path in scripts["liao2016/table_b"].results] == ["table_b.zarr.zip"]
    panels = [path.name for path in scripts["lillicrap2016/fig5"].results]
    assert panels == ["fig5a.zarr.zip", "fig5c.zarr.zip"]


def test_an_unknown_figure_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'lillicrap2016/fig2'"):
        find_script("lilicrap2016/fig2")


@pytest.fixture
def script(tmp_path):
    """One script of one's own, which stores its command line."""
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / "fig1.py").write_text(
        "# %% [markdown]\n# # A title\n#\n# Text.\nimport sys\nfrom pathlib import Path\n"
        "Path(__file__).with_suffix('.txt').write_text(' '.join(sys.argv[1:]))\n"
        "if __name__ == '__main__' and sys.argv[1:]:\n"
        "    sys.exit({'seven': 7, 'none': None}.get(sys.argv[1], sys.argv[1]))\n"
    )
    return figure_scripts(tmp_path)["paper/fig1"]


@pytest.mark.parametrize(
    ("arguments", "code"), [([], 0), (["seven", "--x"], 7), (["none"], 0), (["a message"], 1)]
)
def test_a_script_has_a_command_line_and_an_exit_code(script, arguments, code):
    before = list(sys.argv)
    assert script.run(arguments) == code
    assert script.path.with_suffix(".txt").read_text() == " ".join(arguments)
    assert sys.argv == before
    assert script.title == "A title"


def test_a_wheel_has_them_where_they_are_looked_for(tmp_path, monkeypatch):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    place = tmp_path / included["paper_figs"]
    # As if the package had been installed at tmp_path, where no checkout is.
    monkeypatch.setattr(results, "__file__", str(tmp_path / "fatheory" / "claims" / "results.py"))
    monkeypatch.chdir(tmp_path)
    for find in (own_folder, results_folder):
        with pytest.raises(ClaimError, match="holds no results of papers"):
            find()
    (place / "lillicrap2016" / "results").mkdir(parents=True)
    assert own_folder() == results_folder() == place
    # The command reads a checkout's results in its folder, but only ever runs its own scripts.
    (tmp_path / "paper_figs" / "liao2016" / "results").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "fatheory")
    (Path("paper_figs") / "liao2016" / "results").mkdir(parents=True)
    assert results_folder() == Path("paper_figs")
    assert own_folder() == tmp_path / "paper_figs"
