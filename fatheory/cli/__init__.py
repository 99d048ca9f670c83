"""The command line."""

from fatheory.cli.app import main as main
