import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import xarray as xr
from archive_examples import build_result, build_run
from killable import Killable

from fatheory.archive import save


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, Path]:
    ds = build_run()
    return ds, save(ds, tmp_path_factory.mktemp("template") / "run")


@pytest.fixture
def run(template: tuple[xr.Dataset, Path]) -> xr.Dataset:
    return template[0].copy(deep=True)


@pytest.fixture
def saved(template: tuple[xr.Dataset, Path], tmp_path: Path) -> Path:
    """A copy of the archive of `run`."""
    return Path(shutil.copytree(template[1], tmp_path / "a"))


@pytest.fixture
def result() -> xr.Dataset:
    return build_result()


@pytest.fixture
def make_run() -> Callable[..., xr.Dataset]:
    return build_run


_PRELUDE = """
import resource
sys.path.insert(0, {here!r})
from archive_examples import build_run, grow
import fatheory.archive, fatheory.archive.manifest, fatheory.archive.replacement

ds = build_run(value=2.0)

def save(path):
    fatheory.archive.save(ds, path, overwrite=True)
"""


class Writer:
    """A process that saves `build_run(value=2.0)` over a path in children that can be killed."""

    def __init__(self, process: Killable) -> None:
        self._process = process

    def save(
        self,
        path: Path,
        *,
        kill_after: float | None = None,
        first: str = "",
        action: str = "save",
    ) -> tuple[int, str]:
        """Return the exit code, -9 if killed, and what the child reported."""
        # Tests write their code with `path` in it.
        code = f"path = {str(path)!r}\n{first}\n{action}(path)"
        return self._process.run(code, kill_after=kill_after)


@pytest.fixture(scope="session")
def writer() -> Iterator[Writer]:
    with Killable(_PRELUDE.format(here=str(Path(__file__).parent))) as process:
        yield Writer(process)
