"""What is asked: a task, a network, rules and a schedule as one frozen description."""

from fatheory.experiment.experiment import Experiment as Experiment
from fatheory.experiment.law import Normal as Normal
from fatheory.experiment.law import Scaled as Scaled
from fatheory.experiment.law import Uniform as Uniform
from fatheory.experiment.network import DenseNetwork as DenseNetwork
from fatheory.experiment.network import Sparsity as Sparsity
from fatheory.experiment.presets import presets as presets
from fatheory.experiment.record import Record as Record
from fatheory.experiment.rule_choice import RuleChoice as RuleChoice
from fatheory.experiment.schedule import Phase as Phase
from fatheory.experiment.schedule import Schedule as Schedule
from fatheory.experiment.schedule import Update as Update
from fatheory.experiment.task import ImageTask as ImageTask
from fatheory.experiment.task import LinearTask as LinearTask
from fatheory.experiment.task import QuadraticTask as QuadraticTask
from fatheory.experiment.task import TeacherTask as TeacherTask
