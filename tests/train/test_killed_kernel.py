"""A notebook kernel that dies while a cell trains: another one goes on with the archive."""

import os
import time

import pytest
from jupyter_client.manager import start_new_kernel
from notebook_runs import ROOT
from resumable import same

import fatheory as fa
from fatheory.archive import is_unfinished

ASKED = fa.presets["lillicrap2016/fig2"].with_settings(
    {"schedule.phases": [{"steps": 200_000}], "record.snapshots": 201, "seeds": 2}
)
CELL = """
import fatheory as fa
from fatheory.train import sinks
sinks.COMMIT_SECONDS = 0.0
fa.simulate(fa.Experiment.from_json({asked!r}), path={path!r})
"""


@pytest.mark.slow  # a kernel and a second compilation
def test_a_kernel_that_dies_loses_nothing_of_what_was_stored(tmp_path):
    path = tmp_path / "a.zarr"
    kernel, client = start_new_kernel(env=dict(os.environ, PYTHONPATH=str(ROOT)))
    try:
        client.execute(CELL.format(asked=ASKED.to_json(), path=str(path)))
        until = time.monotonic() + 120
        while not (path.exists() and is_unfinished(path)):
            assert time.monotonic() < until, "the cell has stored nothing"
            time.sleep(0.02)
        time.sleep(0.3)
    finally:
        kernel.shutdown_kernel(now=True)
        client.stop_channels()
    assert is_unfinished(path)
    same(fa.simulate(ASKED, path=path, progress=False), fa.simulate(ASKED, progress=False))
    assert not is_unfinished(path)
