"""Theory and simulation of feedback alignment, side by side.

One description, two answers, one shape: `Experiment` says what is asked, `simulate` answers by
training, `solve` from equations, and `compare` sets one against the other. Everything is loaded
when it is first touched, so importing the package is quick and needs neither JAX nor matplotlib.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from fatheory import archive as archive
    from fatheory import experiment as experiment
    from fatheory import figures as figures
    from fatheory import geometry as geometry
    from fatheory import initial as initial
    from fatheory import metrics as metrics
    from fatheory import networks as networks
    from fatheory import quantities as quantities
    from fatheory import rules as rules
    from fatheory import sweep as sweep
    from fatheory import tasks as tasks
    from fatheory import theory as theory
    from fatheory import train as train
    from fatheory import updates as updates
    from fatheory.archive import load as load
    from fatheory.archive import save as save
    from fatheory.archive import to_netcdf as to_netcdf
    from fatheory.comparison import compare as compare
    from fatheory.errors import FatheoryError as FatheoryError
    from fatheory.experiment import BatchNormalization as BatchNormalization
    from fatheory.experiment import Block as Block
    from fatheory.experiment import ConvolutionalNetwork as ConvolutionalNetwork
    from fatheory.experiment import CosineDecay as CosineDecay
    from fatheory.experiment import DenseNetwork as DenseNetwork
    from fatheory.experiment import Experiment as Experiment
    from fatheory.experiment import ExponentialDecay as ExponentialDecay
    from fatheory.experiment import ImageTask as ImageTask
    from fatheory.experiment import LayerRule as LayerRule
    from fatheory.experiment import LinearTask as LinearTask
    from fatheory.experiment import Normal as Normal
    from fatheory.experiment import Phase as Phase
    from fatheory.experiment import Pool as Pool
    from fatheory.experiment import QuadraticTask as QuadraticTask
    from fatheory.experiment import Record as Record
    from fatheory.experiment import RuleChoice as RuleChoice
    from fatheory.experiment import Scaled as Scaled
    from fatheory.experiment import Schedule as Schedule
    from fatheory.experiment import Sparsity as Sparsity
    from fatheory.experiment import SpikingNetwork as SpikingNetwork
    from fatheory.experiment import StepDecay as StepDecay
    from fatheory.experiment import TeacherTask as TeacherTask
    from fatheory.experiment import Uniform as Uniform
    from fatheory.experiment import Update as Update
    from fatheory.experiment import presets as presets
    from fatheory.sweep import Sweep as Sweep
    from fatheory.theory import solve as solve
    from fatheory.train import choose_learning_rates as choose_learning_rates
    from fatheory.train import predict as predict
    from fatheory.train import simulate as simulate
    from fatheory.train import simulate_many as simulate_many

from fatheory import labels as _labels

__version__ = "0.1.0"

_ROOMS = (
    "archive",
    "experiment",
    "figures",
    "geometry",
    "initial",
    "metrics",
    "networks",
    "quantities",
    "rules",
    "sweep",
    "tasks",
    "theory",
    "train",
    "updates",
)
_HOMES = {
    "load": "archive",
    "save": "archive",
    "to_netcdf": "archive",
    "compare": "comparison",
    "FatheoryError": "errors",
    "BatchNormalization": "experiment",
    "Block": "experiment",
    "ConvolutionalNetwork": "experiment",
    "CosineDecay": "experiment",
    "DenseNetwork": "experiment",
    "Experiment": "experiment",
    "ExponentialDecay": "experiment",
    "ImageTask": "experiment",
    "LayerRule": "experiment",
    "LinearTask": "experiment",
    "Normal": "experiment",
    "Phase": "experiment",
    "Pool": "experiment",
    "QuadraticTask": "experiment",
    "Record": "experiment",
    "RuleChoice": "experiment",
    "Scaled": "experiment",
    "Schedule": "experiment",
    "Sparsity": "experiment",
    "SpikingNetwork": "experiment",
    "StepDecay": "experiment",
    "TeacherTask": "experiment",
    "Uniform": "experiment",
    "Update": "experiment",
    "presets": "experiment",
    "Sweep": "sweep",
    "solve": "theory",
    "choose_learning_rates": "train",
    "predict": "train",
    "simulate": "train",
    "simulate_many": "train",
}

__all__ = ["__version__", *_ROOMS, *_HOMES]


# Labels stand below the quantities that bring variables, so this package, which sees both, tells
# one of the other; imported when a name is first looked up that labels do not know.
_labels.also_described_by(
    lambda name: _import_module("fatheory.quantities.registry").describe(name),
    lambda: _import_module("fatheory.quantities.registry").variable_names(),
)


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return _import_module(f"fatheory.{name}")
    if name in _HOMES:
        value = getattr(_import_module(f"fatheory.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'fatheory' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
