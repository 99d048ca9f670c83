"""The command line as a function."""

import sys

import pytest

from fatheory.cli import main


@pytest.fixture
def fatheory(monkeypatch, capsys):
    """Call the command line; return (exit code, standard output, standard error)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["fatheory", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
