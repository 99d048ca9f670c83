"""Whatever is typed, the command line ends with an exit code of its own and no traceback."""

import contextlib
import io
import json
import sys

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import fatheory as fa
from fatheory.cli import main
from fatheory.errors import FatheoryError
from fatheory.train.run import Run

COMMANDS = [
    *(["run"], ["solve"], ["compare"], ["inspect"], ["list"]),
    *(["data", "list"], ["data", "verify"], ["theory", "list"]),
    *(["archive", "check"], ["archive", "repair"], ["archive", "export"]),
    *(["sweep", "run"], ["sweep", "status"], ["sweep", "show"], ["sweep"], ["archive"], []),
]
WORDS = [
    *("lillicrap2016/fig2", "lillicrap2016/fig4", "lillicrap2016/nothing", "liao2016/table_a"),
    *("a.zarr", "file", "folder", "odd.json", "good.json", "sweep.json", "missing.json", "out.nc"),
    *("mnist", "folder/x", "../x", "", ".", "/", "--", "-", "\0", "ä\ud800", "[0]", "x" * 300),
]
OPTIONS = [
    *("--set", "--seeds", "--out", "--overwrite", "--restart", "--print", "--method", "--axis"),
    *("--workers", "--scheduler", "--variable", "--no-verify", "--help", "-h", "--version", "--x"),
]
VALUES = [
    *("1", "0", "-1", "1e400", "10" * 200, "nan", "true", "null", "[]", "{}", '"', "[[[[", "flow"),
    *("seeds=3", "seeds=-1", "network.hidden=[0]", "network.hidden=[1000000000000]", "=", "a=b"),
    *("rules.*.learning_rate=0.1,0.2", "rules.*=1", "schedule.phases.0.steps=1", "*=*", "name=x"),
    *("rules.backprop.learning_rate=1e999", "task.kind=image", "record.steps=[-1]", "precision=1"),
]
NEVER_LONG = FatheoryError("nothing is trained here")


def arguments():
    plain = st.sampled_from([*WORDS, *VALUES])
    option = st.tuples(st.sampled_from(OPTIONS), plain).map(list)
    glued = st.tuples(st.sampled_from(OPTIONS), plain).map(lambda pair: ["=".join(pair)])
    junk = st.text(max_size=6).map(lambda text: [text])
    part = st.one_of(plain.map(lambda word: [word]), option, glued, junk)
    return st.builds(
        lambda command, parts: [*command, *(word for part in parts for word in part)],
        st.sampled_from(COMMANDS),
        st.lists(part, max_size=5),
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files of every kind to stumble over; nothing that takes long is done there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FATHEORY_DATA_DIR", str(tmp_path / "data"))

    def refused(*_, **__):
        raise NEVER_LONG

    monkeypatch.setattr(Run, "go", refused)
    monkeypatch.setattr("fatheory.train.many.draw_initial_state", refused)
    monkeypatch.setattr("fatheory.theory.solve", refused)
    monkeypatch.setattr("fatheory.sweep.run.cluster_client", refused)
    asked = fa.presets["lillicrap2016/fig2"].with_settings({"record.snapshots": 2, "seeds": 1})
    (tmp_path / "good.json").write_text(asked.to_json())
    (tmp_path / "odd.json").write_text('{"task": [1e999], "x": {"x": {}}}')
    axes = {"seeds": [1, 2]}
    (tmp_path / "sweep.json").write_text(
        json.dumps({"experiment": asked.model_dump(mode="json"), "axes": axes})
    )
    (tmp_path / "file").write_bytes(b"\x00\xff")
    (tmp_path / "folder").mkdir()
    fa.save(small_archive(asked), tmp_path / "a.zarr")
    return tmp_path


def small_archive(asked):
    from fatheory.theory.solve import solve

    return solve(asked.with_settings({"schedule.phases": [{"steps": 3}]}))


def ends_well(words):
    out, err = io.StringIO(), io.StringIO()
    former, sys.argv = sys.argv, ["fatheory", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = former
    assert code in (0, 1, 2, 130), (words, code)
    assert "Traceback" not in err.getvalue()


def profile(cases):
    return settings(
        max_examples=cases,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.mark.parametrize("cases", [200, pytest.param(2500, marks=pytest.mark.slow)])
def test_any_words(cases, folder):
    @profile(cases)
    @given(arguments())
    def run(words):
        ends_well(words)

    run()
