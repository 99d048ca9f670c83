"""Two-layer networks that learn online from a teacher, with many inputs: order parameters."""

from fatheory.theory.order_parameters.activation import ACTIVATIONS as ACTIVATIONS
from fatheory.theory.order_parameters.fluctuations import (
    order_parameter_fluctuations as order_parameter_fluctuations,
)
from fatheory.theory.order_parameters.solution import order_parameters as order_parameters
