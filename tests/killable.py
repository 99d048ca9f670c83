"""Processes that are killed at work, and the files by which their traces are compared."""

import json
import os
import subprocess
import sys
from pathlib import Path

from fatheory import labels

_LOOP = """
import json, os, signal, sys, time

def die_at(call, owner, name, before=True):
    # Kill this process at the call-th call of owner.name.
    real, calls = getattr(owner, name), [0]
    def deadly(*args, **kwargs):
        calls[0] += 1
        if calls[0] == call and before:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*args, **kwargs)
        if calls[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    setattr(owner, name, deadly)

{prelude}
print("ready", flush=True)
for line in sys.stdin:
    code, delay = json.loads(line)
    child = os.fork()
    if not child:
        try:
            exec(code)
        except BaseException as error:
            print(type(error).__name__, str(error).replace("\\n", " "), flush=True)
            os._exit(1)
        os._exit(0)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print("status", os.waitstatus_to_exitcode(status), flush=True)
"""


class Killable:
    """A process whose children run some code and can be killed while they do.

    Parameters
    ----------
    prelude : str
        Code that the process runs first, so that children need not.
    *arguments : str
        Its ``sys.argv[1:]``.
    """

    def __init__(self, prelude: str, *arguments: str) -> None:
        root = str(Path(labels.__file__).parents[1])
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([root, *sys.path]),
            "OMP_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _LOOP.format(prelude=prelude), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def run(self, code: str, *, kill_after: float | None = None) -> tuple[int, str]:
        """Return the exit code of a child, -9 if it was killed, and the error that it reported."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([code, kill_after]) + "\n")
        self._process.stdin.flush()
        report = ""
        while not (line := self._process.stdout.readline()).startswith("status"):
            report += line
            assert line, "the process ended"
        return int(line.split()[1]), report

    def __enter__(self) -> "Killable":
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def timeless_files(folder: Path) -> dict[str, bytes]:
    """Return all files of an archive but those that name the time at which they were written."""
    told = ("zarr.json", "fatheory-manifest/zarr.json", "fatheory-manifest-copy/zarr.json")
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name not in told}
