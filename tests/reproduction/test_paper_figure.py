"""The runner of figures, with a figure that takes no time."""

import sys
import zipfile

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from fatheory.archive import load, save
from fatheory.claims import Claim, claims_from_dataset
from fatheory.errors import FatheoryError
from fatheory.reproduction import PaperFigure, load_result

ORIGIN = {
    "experiment": '{"seeds": [0, 1]}',
    "experiment_hash": "abc",
    "versions": '{"fatheory": "0.1.0", "jax": "0.10.2"}',
    "device": "a chip",
    "precision": "float64",
    "created": "2026-01-02T03:04:05+00:00",
}
REPRODUCED = Claim.at_most("loss falls", 0.125, 1)
NOT_REPRODUCED = Claim("angle, stated otherwise", 0.5, "°", "as in the paper", False)


class Fake:
    """A figure that notes what is asked of it and can be told to fail."""

    def __init__(self, folder):
        self.folder = folder
        self.claims = [REPRODUCED]
        self.size = 3
        self.attrs = ORIGIN
        self.fail = {}
        self.scales_asked = []
        self.drawn = []
        self.check = None

    def compute(self, scale, keep):
        self.scales_asked.append(scale)
        if "compute" in self.fail:
            raise self.fail["compute"]
        noise = np.random.default_rng(0).normal(size=self.size)
        rules = np.array([f"rule {i}" for i in range(self.size)], dtype=object)
        data = xr.Dataset(
            {"loss": ("rule", noise, {"units": "1"}), "diverged": ("rule", noise > 0)},
            {"rule": rules, "seeds": 2**62},
            attrs=self.attrs,
        )
        return data, self.claims

    def draw(self, data):
        self.drawn.append(data)
        if "draw" in self.fail:
            raise self.fail["draw"]
        figure, axes = plt.subplots(figsize=(2, 2))
        axes.plot(data["loss"])
        return figure

    def run(self, *arguments, name="figx"):
        out, results = self.folder / "out", self.folder / "results"
        figure = PaperFigure(
            name, "A figure.", self.compute, self.draw, out, results, check=self.check
        )
        return figure.main(arguments)

    @property
    def data(self):
        return self.folder / "out" / "figx.zarr"

    @property
    def result(self):
        return self.folder / "results" / "figx.zarr.zip"


@pytest.fixture
def fake(tmp_path):
    return Fake(tmp_path)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("claims", "code"),
    [([REPRODUCED], 0), ([REPRODUCED, NOT_REPRODUCED], 1), ([NOT_REPRODUCED], 1), ([], 0)],
)
def test_a_claim_that_is_not_reproduced_is_a_result_and_shows_in_the_exit_code(fake, claims, code):
    fake.claims = claims
    assert fake.run() == code
    assert files(fake.folder / "out") == ["figx.pdf", "figx.png", "figx.zarr"]
    assert claims_from_dataset(load(fake.data)) == claims


def test_the_table_the_time_and_the_files_are_printed(fake, capsys):
    fake.claims = [REPRODUCED, NOT_REPRODUCED]
    fake.run("--store")
    printed = capsys.readouterr().out
    assert "loss falls               0.125     <= 1             reproduced" in printed
    assert "angle, stated otherwise  0.5 °     as in the paper  NOT REPRODUCED" in printed
    last = printed.splitlines()[-1]
    assert " s; wrote " in last
    for path in (fake.folder / "out" / "figx.png", fake.folder / "out" / "figx.pdf", fake.result):
        assert str(path) in last
        assert path.stat().st_size > 0
    assert f"stored {fake.data}" in printed


def test_the_data_say_where_they_come_from(fake):
    fake.run("--scale", "paper")
    attrs = load(fake.data).attrs
    assert fake.scales_asked == ["paper"]
    assert ORIGIN.items() <= attrs.items()
    assert attrs["scale"] == "paper"
    assert attrs["figure"] == "figx"
    assert 0 <= attrs["wall_time_s"] < 60


def test_the_first_scale_is_the_default_and_others_are_refused(fake, capsys):
    fake.run()
    assert fake.scales_asked == ["quick"]
    with pytest.raises(SystemExit) as stop:
        fake.run("--scale", "huge")
    assert stop.value.code == 2
    assert "invalid choice: 'huge'" in capsys.readouterr().err
    assert fake.scales_asked == ["quick"]


def test_refusals_are_one_message_and_interrupts_are_quiet(fake, capsys):
    fake.fail["compute"] = FatheoryError("no such rule")
    assert fake.run() == 2
    assert capsys.readouterr().err == "error: no such rule\n"
    fake.fail["compute"] = KeyboardInterrupt()
    assert fake.run() == 130
    printed = capsys.readouterr()
    assert printed.err.startswith("interrupted")
    assert "Traceback" not in printed.err + printed.out
    assert not fake.data.exists()


@pytest.mark.parametrize("failure", [ZeroDivisionError(), KeyboardInterrupt(), FatheoryError("x")])
def test_what_was_computed_survives_a_failure_to_draw(fake, capsys, failure):
    fake.fail["draw"] = failure
    if isinstance(failure, ZeroDivisionError):
        with pytest.raises(ZeroDivisionError):  # a bug in a figure shows its traceback
            fake.run("--store")
    else:
        assert fake.run("--store") == (2 if isinstance(failure, FatheoryError) else 130)
    printed = capsys.readouterr().out
    assert f"stored {fake.data}" in printed
    assert "loss falls" in printed
    fake.fail = {"compute": AssertionError("computed again")}
    assert fake.run("--redraw", str(fake.data), "--store") == 0
    assert load_result(fake.result).identical(load(fake.data))


def test_a_redrawing_sees_the_data_of_the_first_drawing(fake):
    fake.claims = [NOT_REPRODUCED, REPRODUCED]
    fake.run("--store")
    first = {p.name: p.read_bytes() for p in (fake.folder / "out").glob("figx.p*")}
    fake.fail["compute"] = AssertionError("computed again")
    assert fake.run("--redraw", "--out", str(fake.folder / "again")) == 1
    once, again = fake.drawn
    xr.testing.assert_identical(once, again)
    assert {name: v.dtype for name, v in once.variables.items()} == {
        name: v.dtype for name, v in again.variables.items()
    }
    assert {p.name: p.read_bytes() for p in (fake.folder / "again").iterdir()} == first


def test_redrawing_prints_the_same_table_and_where_it_comes_from(fake, capsys):
    fake.claims = [NOT_REPRODUCED, REPRODUCED]
    fake.run("--scale", "paper", "--store")
    table = capsys.readouterr().out.split("\n\n")[1]
    fake.run("--redraw")
    origin, again, _ = capsys.readouterr().out.split("\n\n")
    assert again == table
    for said in ("scale paper", "2026-01-02T03:04:05+00:00", "a chip", "float64", "jax 0.10.2"):
        assert said in origin


def test_redrawing_shows_todays_bounds_where_the_data_hold_what_they_need(fake, capsys):
    fake.run("--store")
    fake.check = lambda data: [Claim.at_most("sum of losses", data["loss"].sum(), -100)]
    capsys.readouterr()
    assert fake.run("--redraw") == 1
    printed = capsys.readouterr().out
    assert "sum of losses" in printed
    assert "<= -100" in printed
    assert "loss falls" not in printed
    assert " s to draw; wrote" in printed
    fake.check = lambda data: [Claim.at_most("angle", data["angle"], 1)]
    assert fake.run("--redraw") == 0
    printed = capsys.readouterr().out
    assert "bounds as they were when computed" in printed
    assert "loss falls" in printed


def test_a_figure_says_its_scale(fake, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "fatheory.reproduction.paper_figure.save_figure",
        lambda figure, stem: seen.append(figure.get_suptitle()) or [stem],
    )
    fake.run("--scale", "paper")
    assert seen == ["Scale: paper"]


def test_the_time_of_runs_that_were_continued_is_all_of_it(fake):
    fake.attrs = ORIGIN | {"wall_time_s": 1234.5}
    fake.run()
    assert load(fake.data).attrs["wall_time_s"] == 1234.5


def test_redrawing_leaves_data_of_other_runs_alone(fake):
    fake.run("--store")
    fake.size = 5
    fake.run()
    fake.run("--redraw")
    assert load(fake.data).sizes["rule"] == 5
    assert load_result(fake.result).sizes["rule"] == 3


def test_a_missing_result_is_named_with_the_command_that_makes_it(fake, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["paper_figs/figx.py"])
    assert fake.run("--redraw") == 2
    error = capsys.readouterr().err
    assert f"there is no stored result {fake.result}" in error
    assert "python paper_figs/figx.py --scale paper --store" in error
    assert fake.scales_asked == []


def test_a_result_that_is_too_large_is_refused_when_all_else_is_done(fake, capsys):
    fake.run("--store")
    before = fake.result.read_bytes()
    fake.size = 200_000
    assert fake.run("--store") == 2
    error = capsys.readouterr().err
    assert "1 MB" in error
    assert str(fake.result) in error
    assert load(fake.data).sizes["rule"] == 200_000
    assert len(fake.drawn) == 2
    assert fake.result.read_bytes() == before


def test_a_place_that_cannot_be_written_is_refused_before_computing(fake, capsys):
    fake.data.mkdir(parents=True)
    (fake.data / "notes.txt").write_text("mine")
    assert fake.run() == 2
    assert "not replaced" in capsys.readouterr().err
    assert fake.scales_asked == []
    assert files(fake.data) == ["notes.txt"]


def test_data_of_another_figure_or_of_none_are_not_drawn(fake, capsys):
    fake.run()
    assert fake.run("--redraw", str(fake.data), name="figy") == 2
    assert (
        "must hold the data of 'figy'; its attribute 'figure' is 'figx'" in capsys.readouterr().err
    )
    other = save(xr.Dataset(attrs={"a": 1}), fake.folder / "other.zarr")
    assert fake.run("--redraw", str(other)) == 2
    assert fake.run("--redraw", str(fake.folder / "none.zarr")) == 2
    assert "there is no archive at" in capsys.readouterr().err
    assert len(fake.drawn) == 1


@pytest.mark.parametrize("lost", ["experiment", "device", "created"])
def test_data_without_origin_are_kept_and_complained_of(fake, capsys, lost):
    fake.attrs = {name: value for name, value in ORIGIN.items() if name != lost}
    assert fake.run() == 2
    error = capsys.readouterr().err
    assert f"lack the attributes {lost}" in error
    assert "origin(archive)" in error
    assert load(fake.data).sizes["rule"] == 3


def test_figures_are_closed(fake):
    open_before = plt.get_fignums()
    fake.run()
    assert plt.get_fignums() == open_before


def in_folder(fake, way):
    """Spoil one chunk of the data of a figure, and return their place."""
    found = sorted(path for path in fake.data.rglob("*") if path.name != "zarr.json")
    chunks = {path: path.read_bytes() for path in found if path.is_file()}
    one = next(path for path in chunks if "loss" in path.parts)
    other = next(path for path in chunks if chunks[path] != chunks[one])
    spoilt = {
        "swapped": chunks[other],
        "doubled": chunks[one] * 2,
        "flipped": chunks[one][:-1] + bytes([chunks[one][-1] ^ 1]),
        "truncated": chunks[one][:-1],
    }
    if way == "deleted":
        one.unlink()
    else:
        one.write_bytes(spoilt[way])
        if way == "swapped":
            other.write_bytes(chunks[one])
    return fake.data


def in_zip(fake, way):
    """Do so in the one file of its result."""
    with zipfile.ZipFile(fake.result) as file:
        entries = [(entry, file.read(entry)) for entry in file.infolist()]
    chunks = [number for number, (entry, _) in enumerate(entries) if "/c" in entry.filename]
    one = next(number for number in chunks if entries[number][0].filename.startswith("loss/"))
    other = next(number for number in chunks if entries[number][1] != entries[one][1])
    content = dict(enumerate(data for _, data in entries))
    if way == "swapped":
        content[one], content[other] = content[other], content[one]
    elif way == "doubled":
        content[one] *= 2
    elif way == "flipped":
        content[one] = content[one][:-1] + bytes([content[one][-1] ^ 1])
    elif way == "truncated":
        content[one] = content[one][:-1]
    with zipfile.ZipFile(fake.result, "w", zipfile.ZIP_STORED) as file:
        for number, (entry, _) in enumerate(entries):
            if way != "deleted" or number != one:
                file.writestr(entry.filename, content[number])
    return fake.result


@pytest.mark.parametrize("way", ["swapped", "doubled", "flipped", "truncated", "deleted"])
@pytest.mark.parametrize("spoil", [in_folder, in_zip])
def test_redrawing_takes_no_damage_for_values(fake, capsys, spoil, way):
    fake.run("--store")
    place = spoil(fake, way)
    drawn = len(fake.drawn)
    assert fake.run("--redraw", str(place)) == 2
    assert len(fake.drawn) == drawn
    assert "loss" in capsys.readouterr().err


def test_what_scripts_print_is_not_obeyed(fake, capsys):
    fake.claims = [Claim.at_most("loss \x1b[31m\u202efalls", 0.125, 1)]
    assert fake.run() == 0
    fake.fail = {"compute": FatheoryError("the label '\x1b[2J\u202e' is none\nof these")}
    assert fake.run() == 2
    printed = capsys.readouterr()
    assert r"loss \x1b[31m\u202efalls" in printed.out
    assert "the label '\\x1b[2J\\u202e' is none\nof these" in printed.err
    assert not {"\x1b", "\u202e"} & set(printed.out + printed.err)
