"""What surrounds a command: terminals without letters, devices that are not there, files denied."""

import io
import sys

import pytest

import fatheory as fa
from fatheory.cli import main

PRESET = "lillicrap2016/fig2"
SMALL = [
    '--set=schedule.phases=[{"steps": 30}]',
    "--set=record.snapshots=4",
    "--set=task.inputs=5",
    "--set=task.outputs=3",
    "--set=network.hidden=[4]",
    '--set=rules={"backprop": {"learning_rate": 0.02}, "feedback_alignment": 0.01}',
]


def test_a_terminal_that_lacks_letters_shows_their_numbers(monkeypatch, tmp_path):
    """As under PYTHONIOENCODING=ascii, where printing such a letter would be an error."""
    asked = tmp_path / "asked.json"
    asked.write_text(fa.presets[PRESET].replaced(name="θ ∠").to_json(), encoding="utf-8")
    streams = {name: io.TextIOWrapper(io.BytesIO(), "ascii") for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    for arguments in (["list"], ["list", str(asked)], ["list", "θ"]):
        monkeypatch.setattr(sys, "argv", ["fatheory", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code in (None, 0, 1)
    written = []
    for stream in streams.values():
        stream.flush()
        written.append(stream.buffer.getvalue())
    assert all(text.isascii() for text in written)
    assert b"\\u03b8" in b"".join(written)


def test_a_device_that_there_is_not_is_named(fatheory, monkeypatch, tmp_path):
    def lacking(*_, **__):
        raise RuntimeError("Unknown backend: 'gpuu'")

    monkeypatch.setenv("JAX_PLATFORMS", "gpuu")
    monkeypatch.setattr("jax.devices", lacking)
    monkeypatch.setattr("fatheory.train.simulate", lacking)
    code, _, err = fatheory("run", PRESET, f"--out={tmp_path / 'a'}", *SMALL)
    assert code == 1
    assert "JAX finds nothing to compute on" in err
    assert "JAX_PLATFORMS is 'gpuu'" in err
    assert "Traceback" not in err


def test_a_file_that_cannot_be_used_is_named_and_not_called_output(fatheory, monkeypatch, tmp_path):
    place = str(tmp_path / "asked.json")

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied", place)

    monkeypatch.setattr(sys.modules["fatheory.cli.app"], "app", denied)
    code, _, err = fatheory("list")
    assert code == 1
    assert "asked.json': Permission denied" in "".join(err.split("\n"))
    assert "could not write the output" not in err
