# %% [markdown]
# # Fig. 5 of Lillicrap et al. 2016: how forward weights align with feedback
#
# Runs `fig5a.py` (angles unit by unit) and `fig5c.py` (three phases of learning), one after the
# other, with the same options, and draws their panels once more as one figure. Panel b, a sketch in
# the paper, is the flow of information that `fig5c.py` draws.
#
#     python paper_figs/lillicrap2016/fig5.py [--scale quick|paper] [--out DIR] [--redraw]

# %%
import argparse
import runpy
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.figures import learning_curves, save_figure, style
from fatheory.reproduction import beside_script, in_kernel, leave, load_result

PANELS = ("fig5a", "fig5c")


# %%
def draw(scripts: dict[str, dict[str, Any]], data: dict[str, xr.Dataset]) -> Figure:
    """Draw panels a, b and c from the data of both scripts."""
    units, phases, sketch = data["fig5a"], data["fig5c"], scripts["fig5c"]
    figure, panels = plt.subplot_mosaic(
        [["a", "b"], ["a", "error"], ["a", "angle"]],
        figsize=(12.5, 7),
        height_ratios=(1, 1.2, 1.2),
        width_ratios=(1, 1.25),
    )
    scripts["fig5a"]["draw_bands"](units, panels["a"])
    panels["a"].set(xlim=(0, float(units["step"][-1])), xlabel="update steps (examples)")
    ends = [0, *phases["phase_end"].values.tolist()]
    sketch["draw_flow"](panels["b"], ends)
    panels["b"].set(title="b  what flows where", xlim=(0, ends[-1]))
    for course, line in sketch["LINES"].items():
        one = phases.sel(course=course)
        (curve,) = learning_curves(one, "error", panels["error"], linestyle=line).values()
        curve.set_label(course)
        learning_curves(one, "angle", panels["angle"], linestyle=line)
    panels["error"].set(title="c  phases of learning", ylabel="NSE", ylim=(0, None), xlabel="")
    panels["error"].legend(loc="lower left")
    panels["angle"].axhline(90, color="0.3", linestyle=":", linewidth=1.2)
    panels["angle"].set(ylabel=r"$\angle(W, B^\mathsf{T})$ (degrees)", ylim=(0, 100))
    for name in ("error", "angle"):
        panels[name].set_xlim(0, ends[-1])
        for end in ends[1:-1]:
            panels[name].axvline(end, color="0.6", linewidth=0.8)
    for name in ("a", "error", "angle"):
        panels[name].ticklabel_format(axis="x", style="sci", scilimits=(3, 3), useMathText=True)
    scales = " and ".join(dict.fromkeys(str(one.attrs["scale"]) for one in data.values()))
    figure.suptitle(f"Scale: {scales}", fontsize=9)
    return figure


def drawn_data(figure: Any, arguments: argparse.Namespace) -> xr.Dataset:
    """Return what a panel's script has just drawn."""
    if arguments.redraw:
        return load_result(figure.result)
    return fa.load((arguments.out or figure.folder) / f"{figure.name}.zarr")


# %%
if __name__ == "__main__":
    scripts, codes = {}, []
    for panel in PANELS:
        print(f"{panel}:", flush=True)
        scripts[panel] = runpy.run_path(str(beside_script(globals(), f"{panel}.py")))
        codes.append(scripts[panel]["FIGURE"].main())
        print()
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--redraw", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments, _ = parser.parse_known_args([] if in_kernel() else None)
    if max(codes) <= 1:
        figures = {panel: script["FIGURE"] for panel, script in scripts.items()}
        data = {panel: drawn_data(figure, arguments) for panel, figure in figures.items()}
        with style():
            whole = draw(scripts, data)
            folder = arguments.out or figures["fig5a"].folder
            print("wrote " + ", ".join(map(str, save_figure(whole, folder / "fig5"))))
    leave(max(codes))
