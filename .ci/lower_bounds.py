"""Print the lower bound of every direct dependency as a pin, for pip's ``--constraint``."""

import re
import sys
import tomllib
from pathlib import Path

_BOUND = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]*\])?>=(?P<version>[\w.]+)")


def pins(text: str, extras: tuple[str, ...] = ("test", "netcdf", "sweep")) -> list[str]:
    """Return ``name==version`` for the dependencies of a project, and those of some extras."""
    project = tomllib.loads(text)["project"]
    asked = [*project["dependencies"]]
    for extra in extras:
        asked += project["optional-dependencies"][extra]
    found = []
    for line in asked:
        if line.startswith(f"{project['name']}["):
            continue
        bound = _BOUND.fullmatch(line)
        if bound is None:
            sys.exit(f"{line!r} of pyproject.toml names no lower bound")
        found.append(f"{bound['name']}=={bound['version']}")
    return found


if __name__ == "__main__":
    root = Path(__file__).parents[1]
    sys.stdout.write("\n".join(pins((root / "pyproject.toml").read_text(encoding="utf-8"))) + "\n")
