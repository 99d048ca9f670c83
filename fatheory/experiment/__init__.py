"""What is asked: a task, a network, rules and a schedule as one frozen description."""

from fatheory.experiment.array_task import ArrayTask as ArrayTask
from fatheory.experiment.convolutional import Block as Block
from fatheory.experiment.convolutional import ConvolutionalNetwork as ConvolutionalNetwork
from fatheory.experiment.convolutional import Pool as Pool
from fatheory.experiment.decay import CosineDecay as CosineDecay
from fatheory.experiment.decay import ExponentialDecay as ExponentialDecay
from fatheory.experiment.decay import StepDecay as StepDecay
from fatheory.experiment.distribution import Normal as Normal
from fatheory.experiment.distribution import Scaled as Scaled
from fatheory.experiment.distribution import Uniform as Uniform
from fatheory.experiment.experiment import Experiment as Experiment
from fatheory.experiment.image_task import ImageTask as ImageTask
from fatheory.experiment.network import DenseNetwork as DenseNetwork
from fatheory.experiment.normalization import BatchNormalization as BatchNormalization
from fatheory.experiment.own_start import OwnStart as OwnStart
from fatheory.experiment.presets import presets as presets
from fatheory.experiment.record import Record as Record
from fatheory.experiment.rule_choice import LayerRule as LayerRule
from fatheory.experiment.rule_choice import RuleChoice as RuleChoice
from fatheory.experiment.schedule import Phase as Phase
from fatheory.experiment.schedule import Schedule as Schedule
from fatheory.experiment.schedule import Update as Update
from fatheory.experiment.sparsity import Sparsity as Sparsity
from fatheory.experiment.spiking import SpikingNetwork as SpikingNetwork
from fatheory.experiment.task import DrawnTask as DrawnTask
from fatheory.experiment.task import LinearTask as LinearTask
from fatheory.experiment.task import QuadraticTask as QuadraticTask
from fatheory.experiment.task import TeacherTask as TeacherTask
from fatheory.experiment.task_face import TaskFace as TaskFace
from fatheory.listing import public_names as _public_names

__dir__ = _public_names(__name__)
