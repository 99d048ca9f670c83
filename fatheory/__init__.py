"""Theory and simulation of feedback alignment, side by side.

One description, two answers, one shape: `Experiment` says what is asked, `simulate` answers by
training, `solve` from equations, and `compare` sets one against the other. Everything is loaded
when it is first touched, so importing the package is quick and needs neither JAX nor matplotlib.
"""

from importlib import import_module as _import_module

import lazy_loader as _lazy_loader

from fatheory import labels as _labels
from fatheory import stable_rates as _stable_rates

__version__ = "0.1.0"

# Names and their homes stand in __init__.pyi alone, where type checkers find them, too.
_load, _, __all__ = _lazy_loader.attach_stub(__name__, __file__)
__all__ = ["__version__", *__all__]


# Labels stand below the quantities that bring variables, so this package, which sees both, tells
# one of the other; imported when a name is first looked up that labels do not know.
_labels.also_described_by(
    lambda name: _import_module("fatheory.quantities.registry").describe(name),
    lambda: _import_module("fatheory.quantities.registry").variable_names(),
)

# So it is with the rates that theory predicts, which a run that diverged is announced with.
_stable_rates.predicted_by(
    lambda archive, runs: _import_module("fatheory.theory.predicted_rate").predicted_rates(
        archive, runs
    ),
)


def __getattr__(name: str) -> object:
    if name not in __all__:
        # In Python's own words, which tools that look for attributes know.
        raise AttributeError(f"module 'fatheory' has no attribute {name!r}")
    return _load(name)


def __dir__() -> list[str]:
    return sorted(__all__)
