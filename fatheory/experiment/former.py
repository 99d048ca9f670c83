"""What earlier versions called an experiment, so that what they kept is found."""

from typing import TYPE_CHECKING

from fatheory.experiment.json_text import text_digest, written
from fatheory.experiment.migration import as_version_1
from fatheory.quantities import former_sources

if TYPE_CHECKING:
    from fatheory.experiment.experiment import Experiment


def former_hashes(experiment: "Experiment") -> tuple[str, ...]:
    """Return the content hashes that earlier versions gave an experiment, the first one first.

    Parameters
    ----------
    experiment : Experiment
        Of today.
    """
    content = experiment.model_dump(mode="json", exclude={"name"})
    record = experiment.record
    others = [
        experiment.replaced(record=record.model_dump() | {"sources": sources})
        for sources in former_sources(dict(record.sources))
    ]
    return (text_digest(written(as_version_1(content))), *(other.content_hash for other in others))
