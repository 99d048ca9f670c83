# %% [markdown]
# # The catalogue of the theory
#
# Every statement that `fatheory.theory` computes, with its assumptions, source and function, and
# the worst residual that its tests measured, as a Markdown page.
#
#     python analyses/theory_catalogue.py [--out DIR]

# %%
import argparse
from pathlib import Path

from fatheory.reproduction import script_arguments
from fatheory.theory.statements import catalogue, catalogue_markdown, catalogue_table, residuals


# %%
def check() -> None:
    """Assert that no statement stands there without a measurement."""
    unmeasured = {entry.id for entry in catalogue()} - set(residuals())
    assert not unmeasured, f"no residual was measured for {sorted(unmeasured)}"


# %%
def main() -> None:
    """Check, print and save."""
    parser = argparse.ArgumentParser(description="The catalogue of the theory as a page.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    check()
    print(catalogue_table())
    out.mkdir(parents=True, exist_ok=True)
    (out / "theory.md").write_text(catalogue_markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
