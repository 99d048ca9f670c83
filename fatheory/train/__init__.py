"""Simulation: the same experiment by steps, vectorised over seeds, on CPU or GPU."""

from fatheory.listing import public_names as _public_names
from fatheory.train.compilation_cache import compilation_cache_folder as compilation_cache_folder
from fatheory.train.compilation_cache import set_compilation_cache as set_compilation_cache
from fatheory.train.many import program_of as program_of
from fatheory.train.many import simulate_many as simulate_many
from fatheory.train.predict import predict as predict
from fatheory.train.rates import choose_learning_rates as choose_learning_rates
from fatheory.train.simulate import simulate as simulate

__dir__ = _public_names(__name__)
