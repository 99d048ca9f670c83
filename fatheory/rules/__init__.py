"""Learning rules: what stands in for the transposed weights when errors travel back."""

from fatheory.listing import public_names as _public_names
from fatheory.rules.adaptive import AdaptiveFeedback as AdaptiveFeedback
from fatheory.rules.adaptive import KolenPollack as KolenPollack
from fatheory.rules.adaptive import WeightMirror as WeightMirror
from fatheory.rules.backprop import Backprop as Backprop
from fatheory.rules.direct import DirectFeedbackAlignment as DirectFeedbackAlignment
from fatheory.rules.fixed import FeedbackAlignment as FeedbackAlignment
from fatheory.rules.fixed import FixedFeedback as FixedFeedback
from fatheory.rules.fixed import OrthogonalFeedback as OrthogonalFeedback
from fatheory.rules.fixed import RandomFeedback as RandomFeedback
from fatheory.rules.fixed import Shallow as Shallow
from fatheory.rules.fixed import with_concordance as with_concordance
from fatheory.rules.node_perturbation import NodePerturbation as NodePerturbation
from fatheory.rules.parameter import Matrix as Matrix
from fatheory.rules.pseudobackprop import Pseudobackprop as Pseudobackprop
from fatheory.rules.registry import RULES as RULES
from fatheory.rules.registry import as_rule as as_rule
from fatheory.rules.registry import find_rule as find_rule
from fatheory.rules.registry import known_rules as known_rules
from fatheory.rules.registry import make_rule as make_rule
from fatheory.rules.registry import register as register
from fatheory.rules.rule import DirectRule as DirectRule
from fatheory.rules.rule import LayeredRule as LayeredRule
from fatheory.rules.rule import LayerProbe as LayerProbe
from fatheory.rules.rule import Rule as Rule
from fatheory.rules.rule import Trial as Trial
from fatheory.rules.sign_concordant import (
    BatchwiseRandomSignFeedback as BatchwiseRandomSignFeedback,
)
from fatheory.rules.sign_concordant import FixedRandomSignFeedback as FixedRandomSignFeedback
from fatheory.rules.sign_concordant import SignConcordant as SignConcordant
from fatheory.rules.sign_concordant import UniformSignFeedback as UniformSignFeedback

__dir__ = _public_names(__name__)
