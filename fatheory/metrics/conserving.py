"""What in an experiment's updates breaks every law of conservation."""

from collections.abc import Iterator

from fatheory.experiment import Experiment


def breaking_updates(asked: Experiment) -> Iterator[str]:
    """Yield what makes updates more than gradients of neighbouring layers, for messages."""
    if asked.update.weight_decay:
        yield f"weights decay (update.weight_decay {asked.update.weight_decay:g})"
    if asked.update.manhattan:
        yield f"updates are those of Batch Manhattan (update.manhattan {asked.update.manhattan})"
    if asked.update.optimizer != "sgd":
        yield f"updates are scaled by their past (update.optimizer {asked.update.optimizer!r})"
    for i, phase in enumerate(asked.schedule.phases):
        # With all layers frozen nothing moves at all.
        if 0 < len(set(phase.frozen)) < asked.layers:
            listed = ", ".join(map(str, sorted(set(phase.frozen))))
            yield f"phase {i} freezes some layers only ({listed})"
