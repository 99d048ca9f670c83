"""Online learning at finite learning rates: what single examples do to linear networks."""

from fatheory.theory.online.curve import online_learning as online_learning
from fatheory.theory.online.frozen import frozen_mean_loss as frozen_mean_loss
from fatheory.theory.online.late import LateLearning as LateLearning
from fatheory.theory.online.late import late_learning as late_learning
from fatheory.theory.online.shallow import shallow_mean_loss as shallow_mean_loss
