"""``fatheory plot``: an archive in, an image out, under a name that says what it shows."""

import jaxtyping
import numpy as np
import pytest

import fatheory as fa


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """A run, solved, beside itself under another source, and a sweep."""
    folder = tmp_path_factory.mktemp("archives")
    experiment = fa.Experiment(
        task=fa.LinearTask(inputs=4, outputs=2),
        network=fa.DenseNetwork(hidden=(3,), start=fa.Uniform(bound=0.3)),
        rules={"backprop": 0.02, "feedback_alignment": 0.02},
        schedule=fa.Schedule(phases=(fa.Phase(steps=50),)),
        record=fa.Record(quantities=["weights", "weight_angle"], snapshots=4),
        seeds=2,
    )
    theory = fa.solve(experiment)
    fa.save(theory, folder / "theory.zarr")
    noisy = theory.assign(loss=theory.loss * 1.05).assign_attrs(source="simulation")
    fa.save(noisy, folder / "sim.zarr")
    asked = fa.Sweep(experiment=experiment, axes={"network.hidden": [[2], [3]]})
    asked.run(folder / "sweep.zarr", method="flow", progress=False)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def unchecked():
    """Types are not checked, as outside of the test run."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def is_image(path, least=2000):
    return path.read_bytes()[:4] == b"\x89PNG" and path.stat().st_size > least


@pytest.mark.parametrize(
    ("archive", "options", "name"),
    [
        ("sim", [], "sim-curves-loss.png"),
        ("sim", ["--kind=angles"], "sim-angles.png"),
        ("sim", ["--kind=units", "--rule=feedback_alignment"], "sim-units.png"),
        ("sim", ["--variable=weight_norm", "--layer=2"], "sim-curves-weight_norm.png"),
        ("sweep", [], "sweep-lines-loss.png"),
        ("sweep", ["--kind=heatmap"], "sweep-heatmap-loss.png"),
    ],
)
def test_images_are_named_by_what_they_show(fatheory, archives, here, archive, options, name):
    code, out, err = fatheory("plot", archives / f"{archive}.zarr", *options)
    assert (code, err) == (0, "")
    assert out.strip() == f"drew {name}"
    assert is_image(here / name)


def test_theory_is_drawn_over_simulation(fatheory, archives, here):
    pair = [archives / "sim.zarr", "--kind=compare", f"--theory={archives / 'theory.zarr'}"]
    code, out, _ = fatheory("plot", *pair, "--out=both.pdf")
    assert (code, out.strip()) == (0, "drew both.pdf")
    assert (here / "both.pdf").read_bytes()[:5] == b"%PDF-"


@pytest.mark.parametrize(
    ("archive", "options", "words"),
    [
        ("sim", ["--kind=pie"], "unknown kind of figure 'pie'"),
        ("sim", ["--kind=heatmap"], "heatmap is not drawn of a run"),
        ("sweep", ["--kind=angles"], "angles is not drawn of a sweep"),
        ("sim", ["--kind=compare"], "takes the archive of theory by --theory"),
        ("sim", ["--variable=los"], "did you mean 'loss'"),
        ("sim", ["--rule=bp"], "unknown rule 'bp'"),
        ("sim", ["--layer=7"], "unknown layer 7"),
        ("sim", ["--kind=angles", "--variable=beta"], "unknown angle 'beta'"),
        ("sim", ["--out=image.jpg"], "images are .png, .pdf, .svg files"),
        ("sim", ["--out=nowhere/image.png"], "could not write 'nowhere/image.png'"),
        ("none", [], "none.zarr"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(
    fatheory, archives, here, unchecked, archive, options, words
):
    code, _, err = fatheory("plot", archives / f"{archive}.zarr", *options)
    assert code == 1
    assert words in " ".join(err.split())
    assert list(here.iterdir()) == []


def test_a_diverged_run_is_told_and_drawn(fatheory, archives, here):
    lost = fa.load(archives / "sim.zarr").load()
    lost["loss"].loc[{"rule": "backprop", "seed": 1}] = np.where(lost.step > 20, np.nan, 1.0)
    lost["diverged"].loc[{"rule": "backprop", "seed": 1}] = True
    lost["diverged_at"].loc[{"rule": "backprop", "seed": 1}] = 34
    fa.save(lost, here / "lost.zarr")
    code, _, err = fatheory("plot", "lost.zarr")
    assert code == 0
    assert "1 of 4 runs diverged" in " ".join(err.split())
    assert is_image(here / "lost-curves-loss.png")


def test_help_names_every_kind(fatheory):
    code, out, _ = fatheory("plot", "--help")
    assert code == 0
    for kind in ("curves", "angles", "units", "rasters", "compare", "lines", "heatmap"):
        assert kind in out
