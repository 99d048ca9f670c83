"""Named quantities computed from run archives, of theory and of simulation alike."""

from fatheory.listing import public_names as _public_names
from fatheory.metrics.angle import angle as angle
from fatheory.metrics.concordance import sign_concordance as sign_concordance
from fatheory.metrics.error import normalized_squared_error as normalized_squared_error
from fatheory.metrics.invariant import invariant_drift as invariant_drift
from fatheory.metrics.mean_interval import mean_interval as mean_interval
from fatheory.metrics.positivity import positive_alignment as positive_alignment
from fatheory.metrics.pseudoinverse import pseudobackprop_angles as pseudobackprop_angles
from fatheory.metrics.pseudoinverse import pseudoinverse_alignment as pseudoinverse_alignment
from fatheory.metrics.quantity import quantity as quantity
from fatheory.metrics.significance import t_test as t_test
from fatheory.metrics.speed import steps_to as steps_to
from fatheory.metrics.spread import spread as spread
from fatheory.metrics.unit_law import unit_law_drift as unit_law_drift

__dir__ = _public_names(__name__)
