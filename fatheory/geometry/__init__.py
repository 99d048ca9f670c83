"""Numbers from plain arrays, NumPy or JAX alike: angles, concordance, losses, invariants."""

from fatheory.geometry.angle import angle as angle
from fatheory.geometry.angle import cosine as cosine
from fatheory.geometry.concordance import count_signless as count_signless
from fatheory.geometry.concordance import sign_concordance as sign_concordance
from fatheory.geometry.invariant import balance as balance
from fatheory.geometry.invariant import feedback_invariant as feedback_invariant
from fatheory.geometry.layerwise import delta_angles as delta_angles
from fatheory.geometry.layerwise import directed_samples as directed_samples
from fatheory.geometry.layerwise import flattened_delta_angles as flattened_delta_angles
from fatheory.geometry.layerwise import gradient_norms as gradient_norms
from fatheory.geometry.layerwise import (
    pseudoinverse_alignments as pseudoinverse_alignments,
)
from fatheory.geometry.layerwise import sign_concordances as sign_concordances
from fatheory.geometry.layerwise import unit_angles as unit_angles
from fatheory.geometry.layerwise import update_sign_agreements as update_sign_agreements
from fatheory.geometry.layerwise import weight_angles as weight_angles
from fatheory.geometry.layerwise import weight_norms as weight_norms
from fatheory.geometry.linear_network import linear_activities as linear_activities
from fatheory.geometry.linear_network import linear_gradients as linear_gradients
from fatheory.geometry.linear_network import linear_signals as linear_signals
from fatheory.geometry.loss import linear_loss as linear_loss
from fatheory.geometry.loss import normalized_squared_error as normalized_squared_error
from fatheory.geometry.loss import squared_loss as squared_loss
from fatheory.geometry.positivity import positive_fraction as positive_fraction
from fatheory.geometry.positivity import (
    smallest_symmetric_eigenvalue as smallest_symmetric_eigenvalue,
)
from fatheory.geometry.pseudoinverse import pseudoinverse as pseudoinverse
from fatheory.geometry.pseudoinverse import (
    pseudoinverse_alignment as pseudoinverse_alignment,
)
from fatheory.listing import public_names as _public_names

__dir__ = _public_names(__name__)
