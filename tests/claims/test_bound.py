"""Bounds: complete, of the commits that they name, and not moved since."""

import math
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

from fatheory.claims import ENTRIES, bounds
from fatheory.claims.bound import BOUNDS_FILE, Range, read_bounds
from fatheory.errors import ClaimError

ROOT = Path(__file__).parents[2]
HISTORY = "[commits]\nabc = 2030-01-01T00:00:00Z\n"
GOOD = """
["a.claim"]
what = "error"
unit = "%"
paper = 2.4
reproduced = [2.25, 2.55]
by = "value"
why = "because"
fixed = "abc"
"""


@cache
def at_commit(commit: str, path: str) -> str:
    done = subprocess.run(
        ["git", "show", f"{commit}:{path}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"the history does not reach back to {commit}: {done.stderr.strip()[:200]}")
    return done.stdout


@pytest.mark.parametrize("name", bounds())
def test_a_bound_is_what_its_commit_fixed(name):
    bound = bounds()[name]
    then = at_commit(bound.fixed.commit, bound.fixed.path)
    if bound.fixed.text:
        assert bound.fixed.text in then
        return
    later = {"fixed"}  # a commit cannot name itself
    fixed = tomllib.loads(then)[name]
    now = tomllib.loads((ROOT / BOUNDS_FILE).read_text("utf-8"))[name]
    assert {key: now[key] for key in now.keys() - later} == fixed


@pytest.mark.parametrize("commit", sorted({b.fixed.commit for b in bounds().values()}))
def test_commits_were_made_when_the_history_says(commit):
    fixings = {b.fixed for b in bounds().values() if b.fixed.commit == commit}
    (date,) = {fixing.date for fixing in fixings}
    at_commit(commit, next(iter(fixings)).path)
    command = ["git", "log", "-1", "--format=%ct", commit]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == int(date.timestamp())


# In one order in every process: tests are parted among several.
MOVES = sorted(
    {move for bound in bounds().values() for move in bound.moves}, key=lambda move: move.claims
)


@pytest.mark.parametrize("move", MOVES, ids=lambda m: m.claims[0])
def test_a_move_is_what_its_commit_did(move):
    before, after = (at_commit(f"{move.commit}{old}", move.path) for old in ("^", ""))
    assert move.before in before
    assert move.before not in after
    assert move.after in after
    assert move.after not in before


def test_the_moves_that_are_known_are_listed():
    moved = {claim for move in MOVES for claim in move.claims}
    assert {"l16.fig4.aligns", "l16.fig4.error", "llp.bm.as_sgd.mnist"} <= moved
    assert moved <= set(bounds())


def test_every_bound_is_of_a_claim():
    assert set(bounds()) <= {entry.id for entry in ENTRIES}


@pytest.mark.parametrize("bound", bounds().values(), ids=lambda b: b.id)
def test_ranges_fit_into_each_other(bound):
    if bound.paper is not None:
        assert bound.paper in bound.reproduced
    if bound.direction is not None:
        assert bound.direction.low <= bound.reproduced.low
        assert bound.direction.high >= bound.reproduced.high


def test_nan_is_in_no_range():
    assert math.nan not in Range(-math.inf, math.inf)
    assert 2 in Range(2, 3)
    assert 3 in Range(2, 3)


def test_a_bound_is_read():
    bound = read_bounds(GOOD, HISTORY)["a.claim"]
    assert (bound.paper, bound.reproduced, bound.by_interval) == (2.4, Range(2.25, 2.55), False)
    assert bound.fixed.path == BOUNDS_FILE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('why = "because"\n', ""), r"'a\.claim' lacks why"),
        (("by =", "bye ="), r"lacks by and has unknown bye"),
        (('by = "value"', 'by = "eye"'), r"decides by 'eye'"),
        (("[2.25, 2.55]", "[2.55, 2.25]"), r"range \[2\.55, 2\.25\]; give \[least, largest\]"),
        (('"abc"', '"def"'), r"no date of 'def'"),
        (('what = "error"', "what"), "no TOML"),
    ],
)
def test_a_bound_that_is_none_is_named(change, said):
    with pytest.raises(ClaimError, match=said):
        read_bounds(GOOD.replace(*change), HISTORY)
