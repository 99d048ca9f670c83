"""What learning conserves, rule by rule."""

from fatheory.theory.laws.learned_feedback import (
    kolen_pollack_difference as kolen_pollack_difference,
)
from fatheory.theory.laws.learned_feedback import kolen_pollack_law as kolen_pollack_law
from fatheory.theory.laws.learned_feedback import (
    kolen_pollack_law_change as kolen_pollack_law_change,
)
from fatheory.theory.laws.learned_feedback import weight_mirror_variance as weight_mirror_variance
from fatheory.theory.laws.potential import Inner as Inner
from fatheory.theory.laws.potential import Potential as Potential
from fatheory.theory.laws.potential import Power as Power
from fatheory.theory.laws.potential import WeightedSize as WeightedSize
from fatheory.theory.laws.potential import rule_potential as rule_potential
from fatheory.theory.laws.potential_law import potential_law as potential_law
from fatheory.theory.laws.potential_law import potential_law_changes as potential_law_changes
