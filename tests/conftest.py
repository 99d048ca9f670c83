"""Numerical ground rules of all tests, and the record of measured residuals."""

import datetime
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

# Tests run beside each other on few cores; small matrix products gain nothing from threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

MAPPINGS = Path("/proc/self/maps")
MANY_MAPPINGS = 15_000
"""Linux lets a process have 65,530 mappings of memory by default; XLA needs some for each compiled
program and crashes (in ``backend_compile_and_load``) when it gets no more."""

STRICT = ("agreement", "initial", "rules", "tasks", "train")
"""Rooms whose tests let JAX combine neither float32 with float64 nor (4,) with (3, 4).

Parts of a user's own may, as they may in users' programs; tests of those stand in other rooms.
"""

SWITCH = "FATHEORY_COMPILATION_CACHE"
PROGRAMS = pytest.StashKey[str]()
RESIDUALS = pytest.StashKey[dict[str, float]]()


def pytest_addoption(parser):
    parser.addoption(
        "--write-residuals",
        metavar="FILE",
        help="write the worst residual of each catalogue entry, as measured by its tests, to FILE",
    )


def pytest_configure(config):
    config.stash[RESIDUALS] = {}
    # One for the whole run: the processes among which tests are parted, and those that tests
    # start, inherit it. Never the user's own, which may be full or of another state of the code.
    if SWITCH not in os.environ:
        os.environ[SWITCH] = config.stash[PROGRAMS] = tempfile.mkdtemp(prefix="fatheory-programs-")


def pytest_terminal_summary(terminalreporter):
    # Said also when all is well, so that a day's experiments can be had again.
    seed = datetime.date.today().timetuple().tm_yday
    terminalreporter.write_line(f"random experiments: seed {seed}, the day of the year")


def pytest_unconfigure(config):
    if PROGRAMS in config.stash:
        del os.environ[SWITCH]
        shutil.rmtree(config.stash[PROGRAMS], ignore_errors=True)


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_promoted_silently(request):
    if not set(STRICT).intersection(request.path.parts):
        yield
        return
    import jax

    # For the process, not by `jax.numpy_dtype_promotion`, which threads of a run would not see.
    before = jax.config.jax_numpy_dtype_promotion, jax.config.jax_numpy_rank_promotion
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    jax.config.update("jax_numpy_rank_promotion", "raise")
    yield
    jax.config.update("jax_numpy_dtype_promotion", before[0])
    jax.config.update("jax_numpy_rank_promotion", before[1])


@pytest.fixture(autouse=True, scope="module")
def _programs_are_shared_and_let_go():
    """Compile once in all processes, also what tests compile themselves.

    And let compiled programs go before they are so many that the next one cannot be loaded.
    """
    jax = sys.modules.get("jax")
    if jax is None:
        yield
        return
    from fatheory.train.compilation_cache import compiled_once

    with compiled_once():
        yield
    if MAPPINGS.exists() and MAPPINGS.read_bytes().count(b"\n") > MANY_MAPPINGS:
        jax.clear_caches()


@pytest.fixture
def residual(request):
    """Assert that a residual is within its tolerance and record it under the test's entry.

    The test carries ``@pytest.mark.catalogue("entry.id")``.
    """
    marker = request.node.get_closest_marker("catalogue")
    worst = request.config.stash[RESIDUALS]

    def check(value: float, tolerance: float) -> None:
        value = float(value)
        if marker is not None:
            worst[marker.args[0]] = max(value, worst.get(marker.args[0], 0.0))
        assert value <= tolerance

    return check


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Take over the residuals of one of the processes among which tests are parted."""
    worst = node.config.stash[RESIDUALS]
    for entry, value in getattr(node, "workeroutput", {}).get("residuals", {}).items():
        worst[entry] = max(value, worst.get(entry, 0.0))


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["residuals"] = session.config.stash[RESIDUALS]
        return
    path = session.config.getoption("--write-residuals")
    if path:
        worst = dict(sorted(session.config.stash[RESIDUALS].items()))
        Path(path).write_text(json.dumps(worst, indent=2) + "\n", encoding="utf-8")
