"""What is of another kind is named at every front door, before any work."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import wrong_kinds
import xarray as xr

import fatheory as fa
from fatheory import metrics
from fatheory.errors import ArrayError, FatheoryError


@pytest.fixture(scope="module")
def said():
    command = [sys.executable, "-W", "error", wrong_kinds.__file__]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("door", wrong_kinds.DOORS)
def test_the_kind_is_named(said, door):
    assert re.search(wrong_kinds.DOORS[door][1], said[door]), said[door]


@pytest.mark.parametrize("name", ["diverged", "diverged_at"])
def test_steps_that_there_are_not_have_no_mean(name):
    values = xr.DataArray(np.array([-1, 30]), dims="seed", name=name)
    for summary in (metrics.mean_interval, metrics.spread):
        with pytest.raises(FatheoryError, match=f"'{name}' has no mean.*diverged_at >= 0"):
            summary(values.astype(bool) if name == "diverged" else values)


def test_a_search_without_candidates_is_refused():
    with pytest.raises(ArrayError, match="at least one candidate"):
        fa.choose_learning_rates(fa.presets["lillicrap2016/fig2"], [])
