# %% [markdown]
# # Fig. 5 of Lillicrap et al. 2016: how forward weights align with feedback
#
# Runs `fig5a.py` (angles unit by unit) and `fig5c.py` (three phases of learning), one after the
# other, with the same options. Panel b of the paper is a sketch; `fig5c.py` draws its flow of
# information above the phases.
#
#     python paper_figs/lillicrap2016/fig5.py [--scale quick|paper] [--out DIR] [--redraw]

# %%
import runpy
import sys
from pathlib import Path

PANELS = ("fig5a", "fig5c")

if __name__ == "__main__":
    codes = []
    for panel in PANELS:
        print(f"{panel}:", flush=True)
        script = runpy.run_path(str(Path(__file__).with_name(f"{panel}.py")))
        codes.append(script["FIGURE"].main())
        print()
    sys.exit(max(codes))
