"""Scripts read the command line, and notebooks do not read Jupyter's."""

import argparse
import sys
import types
from pathlib import Path

import pytest

from fatheory.reproduction import beside_script, in_kernel, leave, script_arguments

ANALYSES = Path(__file__).parents[2] / "analyses"
FIGURES = Path(__file__).parents[2] / "paper_figs"


def parser():
    made = argparse.ArgumentParser()
    made.add_argument("--out", default="here")
    return made


def test_a_kernels_arguments_are_not_the_scripts(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["study.py", "--out", "there"])
    assert not in_kernel()
    assert script_arguments(parser()).out == "there"
    assert script_arguments(parser(), ["--out", "x"]).out == "x"
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    assert script_arguments(parser()).out == "there"  # a script that imports it is no kernel
    monkeypatch.setattr(sys, "argv", ["/x/ipykernel_launcher.py", "-f", "/x/kernel-1.json"])
    assert in_kernel()
    assert script_arguments(parser()).out == "here"
    assert script_arguments(parser(), ["--out", "x"]).out == "x"


@pytest.mark.parametrize(
    ("launcher", "expected"),
    [
        ("/x/site-packages/ipykernel_launcher.py", True),
        ("/x/site-packages/ipykernel/__main__.py", True),
        ("/x/site-packages/colab_kernel_launcher.py", True),
        ("study.py", False),  # %run study.py
        ("/x/ipykernel/study.py", False),
        ("/x/site-packages/fatheory/__main__.py", False),
    ],
)
def test_kernels_are_known_by_what_launched_them(monkeypatch, launcher, expected):
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setattr(sys, "argv", [launcher, "-f", "/x/kernel-1.json"])
    assert in_kernel() is expected


def test_a_script_is_left_with_its_code_and_a_notebook_goes_on(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["figure.py"])
    with pytest.raises(SystemExit) as left:
        leave(1)
    assert left.value.code == 1
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setattr(sys, "argv", ["/x/ipykernel_launcher.py", "-f", "/x/kernel-1.json"])
    leave(0)
    assert capsys.readouterr().out == ""
    leave(1)
    assert capsys.readouterr().out == "exit code 1\n"


def test_a_notebook_knows_no_file_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert beside_script({"__file__": "/a/b.py"}, "results") == Path("/a/results")
    assert beside_script({}, "results") == tmp_path / "results"


def test_every_study_and_figure_reads_its_arguments_so():
    scripts = [*ANALYSES.glob("*.py"), *FIGURES.glob("*/*.py")]
    assert len(scripts) > 30
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert ".parse_args(" not in text, script.name
        assert "Path(__file__)" not in text, script.name
        assert "sys.exit" not in text, script.name
