"""Simulation: the same experiment by steps, vectorised over seeds, on CPU or GPU."""

from fatheory.train.simulate import simulate as simulate
