"""Training processes that are killed at random moments, also while they write."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from killable import Killable, timeless_files
from resumable import asked, same

import fatheory as fa
from fatheory.archive import is_unfinished

_PRELUDE = """
import fatheory as fa
from fatheory import archive, train
from fatheory.archive import appendable, replacement
from fatheory.train import run, sinks
fa.set_compilation_cache(sys.argv[1])
run.LONGEST_SEGMENT, sinks.COMMIT_SECONDS, sinks.COMMIT_SHARE = 4, 0.0, 1e9
asked = fa.Experiment.from_json(sys.argv[2])
"""
WRITES = [
    ("appendable.journal", "append"),
    ("appendable.layout", "write_chunk"),
    ("appendable", "write_state"),
    ("appendable.layout", "add_arrays"),
    ("os", "fsync"),
    ("os", "rename"),
    ("os", "link"),
]


def kill_and_continue(kills: int, tmp_path: Path) -> None:
    """Kill a training process, let another go on, kill it too; begin anew when one is done."""
    experiment = asked("momentum, two phases, rates that fall", rules={"brsf": 0.01})
    rng = np.random.default_rng(kills)
    with Killable(_PRELUDE, str(tmp_path / "compiled"), experiment.to_json()) as process:

        def train(path: Path, first: str = "", kill_after: float | None = None) -> tuple[int, str]:
            code = f"{first}\nfa.simulate(asked, path={str(path)!r}, progress=False)"
            return process.run(code, kill_after=kill_after)

        assert train(tmp_path / "compiling") == (0, "")
        began = time.perf_counter()
        assert train(tmp_path / "uninterrupted") == (0, "")
        lasts = time.perf_counter() - began
        reference, wanted = (
            timeless_files(tmp_path / "uninterrupted"),
            fa.load(tmp_path / "uninterrupted"),
        )
        path, killed, done, unfinished = tmp_path / "a", 0, 0, 0
        while killed < kills:
            if rng.random() < 0.5:
                code, report = train(path, kill_after=rng.uniform(0.3, 1.0) * lasts)
            else:
                owner, name = WRITES[rng.integers(len(WRITES))]
                deadly = f"die_at({rng.integers(1, 9)}, {owner}, '{name}')"
                code, report = train(path, first=deadly)
            assert report == ""
            assert code in (0, -9)
            killed += code == -9
            if is_unfinished(path):
                unfinished += 1
                so_far = fa.load(path)
                xr.testing.assert_equal(so_far["loss"], wanted["loss"].sel(step=so_far["step"]))
            elif path.exists():
                assert timeless_files(path) == reference
                done += 1
                shutil.rmtree(path)
        assert train(path) == (0, "")
        assert timeless_files(path) == reference
        same(fa.load(path), wanted)
    assert done + 1 > kills / 25
    assert unfinished > kills / 5


def test_50_kills_at_random_moments(tmp_path):
    kill_and_continue(50, tmp_path)


@pytest.mark.slow
def test_500_kills_at_random_moments(tmp_path):
    kill_and_continue(500, tmp_path)
