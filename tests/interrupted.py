"""Sweeps during which Ctrl-C is pressed."""

from fatheory.sweep import result, threads


def interrupted_after(monkeypatch, batches):
    """Let Ctrl-C be pressed while the next batch after so many trains, one at a time."""
    done = []
    original = result.carry_out

    def carry_out(experiments, *others):
        if len(done) == batches:
            raise KeyboardInterrupt
        done.append(experiments)
        return original(experiments, *others)

    monkeypatch.setattr(threads, "usable_cores", lambda: 1)
    monkeypatch.setattr(threads, "carry_out", carry_out)
