"""Properties that are held on random cases."""

from hypothesis import HealthCheck, Phase, settings


def cases(count, quiet=tuple(HealthCheck)):
    """Settings of a property: the same code at two sizes, and the same cases in every run."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        # What is drawn is printed as it is: making it smaller takes longer than reading it.
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(quiet),
    )
