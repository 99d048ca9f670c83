"""Scripts read the command line, and notebooks do not read Jupyter's."""

import argparse
import sys
import types
from pathlib import Path

from fatheory.reproduction import beside_script, in_kernel, script_arguments

ANALYSES = Path(__file__).parents[2] / "analyses"


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


def test_a_notebook_knows_no_file_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert beside_script({"__file__": "/a/b.py"}, "results") == Path("/a/results")
    assert beside_script({}, "results") == tmp_path / "results"


def test_every_study_reads_its_arguments_so():
    for script in ANALYSES.glob("*.py"):
        text = script.read_text(encoding="utf-8")
        assert "parse_args" not in text, script.name
        assert "Path(__file__)" not in text, script.name
