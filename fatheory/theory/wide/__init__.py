"""Infinitely wide networks: lazy learning under every rule, and the rich regime."""

from fatheory.theory.wide.classification import (
    lazy_classification_error as lazy_classification_error,
)
from fatheory.theory.wide.dmft import dmft as dmft
from fatheory.theory.wide.lazy_dynamics import lazy_outputs as lazy_outputs
from fatheory.theory.wide.lazy_kernel import lazy_kernel as lazy_kernel
from fatheory.theory.wide.lazy_limit import lazy_limit as lazy_limit
from fatheory.theory.wide.lazy_limit import lazy_limit_memory as lazy_limit_memory
from fatheory.theory.wide.threshold import concordance_threshold as concordance_threshold
