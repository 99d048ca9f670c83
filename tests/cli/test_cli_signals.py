"""SIGTERM, as clusters send it: a word at once, and the way out of Ctrl-C."""

import os
import signal
import sys

import pytest

import fatheory as fa
from fatheory.cli import main
from fatheory.train.run import Run


def terminated(*_, **__):
    """Be sent SIGTERM in the middle of something."""
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):  # Python hears signals between its own instructions
        pass
    raise AssertionError("the signal was not heard")


@pytest.fixture
def signals():
    """What the command leaves to the way out of its process is taken back."""
    former = {kind: signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for kind, handler in former.items():
        signal.signal(kind, handler)


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize(
    "command", [["solve"], ["sweep", "run", "--axis=root_seed=1,2"]], ids=["solve", "sweep"]
)
def test_sigterm_has_a_word_and_ends_as_an_interrupt(monkeypatch, capfd, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fa.theory, "solve", terminated)
    monkeypatch.setattr(fa.Sweep, "run", terminated)
    monkeypatch.setattr(sys, "argv", ["fatheory", *command, "lillicrap2016/fig2"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 130
    said = capfd.readouterr().err
    assert "stopping (seconds); what is stored is whole" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("command", [["solve"], ["run", "--out=run.zarr"]], ids=["solve", "run"])
def test_in_the_background_of_a_script_sigterm_is_heard_too(monkeypatch, capfd, tmp_path, command):
    # Which starts it with SIGINT ignored: so it stays, whatever else is heard.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def stopping(run, sink, bar):
        for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), kind)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fa.theory, "solve", terminated)
    monkeypatch.setattr(Run, "go", stopping)
    monkeypatch.setattr(sys, "argv", ["fatheory", *command, "lillicrap2016/fig2"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 130
    assert "stopping" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
