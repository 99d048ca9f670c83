"""Forward passes whose layers send errors back through V in the place of W."""

from fatheory.listing import public_names as _public_names
from fatheory.networks.activations import ACTIVATIONS as ACTIVATIONS
from fatheory.networks.activations import Activation as Activation
from fatheory.networks.architecture import Architecture as Architecture
from fatheory.networks.architecture import Layer as Layer
from fatheory.networks.convolution import convolution as convolution
from fatheory.networks.convolution import first_convolution as first_convolution
from fatheory.networks.dense import dense as dense
from fatheory.networks.forward import Pass as Pass
from fatheory.networks.forward import first_gradient as first_gradient
from fatheory.networks.forward import first_preactivations as first_preactivations
from fatheory.networks.forward import forward as forward
from fatheory.networks.normalization import BatchStatistics as BatchStatistics
from fatheory.networks.normalization import batch_statistics as batch_statistics
from fatheory.networks.normalization import normalised as normalised
from fatheory.networks.normalization import running as running
from fatheory.networks.parameters import DECAYS as DECAYS
from fatheory.networks.parameters import Layers as Layers
from fatheory.networks.parameters import Parameters as Parameters
from fatheory.networks.pooling import average_pool as average_pool
from fatheory.networks.pooling import max_pool as max_pool
from fatheory.networks.slopes import delivered as delivered
from fatheory.networks.slopes import with_derivative as with_derivative
from fatheory.renamed import renamed as _renamed

__getattr__ = _renamed(
    __name__,
    {
        "Moments": "fatheory.networks:BatchStatistics",
        "batch_moments": "fatheory.networks:batch_statistics",
        "first_sums": "fatheory.networks:first_preactivations",
    },
)

__dir__ = _public_names(__name__)
