"""The former place of `fatheory.experiment.distribution`."""

from fatheory.renamed import renamed

_NOW = "fatheory.experiment.distribution"
__getattr__ = renamed(
    __name__,
    {
        "Uniform": f"{_NOW}:Uniform",
        "Normal": f"{_NOW}:Normal",
        "Scaled": f"{_NOW}:Scaled",
        "Law": f"{_NOW}:Distribution",
        "EntryLaw": f"{_NOW}:EntryDistribution",
    },
)
