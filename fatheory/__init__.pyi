"""What `import fatheory` gives, and where it is loaded from when it is first touched.

The one list of public names: type checkers read it, and so does `fatheory` itself.
"""

__version__: str

from . import archive as archive
from . import experiment as experiment
from . import figures as figures
from . import geometry as geometry
from . import initial as initial
from . import interchange as interchange
from . import metrics as metrics
from . import networks as networks
from . import plot as plot
from . import quantities as quantities
from . import rules as rules
from . import sweep as sweep
from . import tasks as tasks
from . import theory as theory
from . import train as train
from . import updates as updates
from .archive import load as load
from .archive import save as save
from .archive import to_netcdf as to_netcdf
from .comparison import compare as compare
from .errors import FatheoryError as FatheoryError
from .experiment import ArrayTask as ArrayTask
from .experiment import BatchNormalization as BatchNormalization
from .experiment import Block as Block
from .experiment import ConvolutionalNetwork as ConvolutionalNetwork
from .experiment import CosineDecay as CosineDecay
from .experiment import DenseNetwork as DenseNetwork
from .experiment import Experiment as Experiment
from .experiment import ExponentialDecay as ExponentialDecay
from .experiment import ImageTask as ImageTask
from .experiment import LayerRule as LayerRule
from .experiment import LinearTask as LinearTask
from .experiment import Normal as Normal
from .experiment import OwnStart as OwnStart
from .experiment import Phase as Phase
from .experiment import Pool as Pool
from .experiment import QuadraticTask as QuadraticTask
from .experiment import Record as Record
from .experiment import RuleChoice as RuleChoice
from .experiment import Scaled as Scaled
from .experiment import Schedule as Schedule
from .experiment import Sparsity as Sparsity
from .experiment import SpikingNetwork as SpikingNetwork
from .experiment import StepDecay as StepDecay
from .experiment import TeacherTask as TeacherTask
from .experiment import Uniform as Uniform
from .experiment import Update as Update
from .experiment import presets as presets
from .sweep import Sweep as Sweep
from .sweep import cell as cell
from .sweep import over_cells as over_cells
from .sweep import run_sweep as run_sweep
from .theory import solve as solve
from .train import choose_learning_rates as choose_learning_rates
from .train import predict as predict
from .train import set_compilation_cache as set_compilation_cache
from .train import simulate as simulate
from .train import simulate_many as simulate_many
