"""Linear feedback alignment of any depth, in variables that know no hidden width."""

from fatheory.theory.deep_reduction.flow import deep_reduced as deep_reduced
from fatheory.theory.deep_reduction.infinite import deep_infinite_width as deep_infinite_width
from fatheory.theory.deep_reduction.sgd import deep_reduced_sgd as deep_reduced_sgd
from fatheory.theory.deep_reduction.solution import DeepReducedSolution as DeepReducedSolution
