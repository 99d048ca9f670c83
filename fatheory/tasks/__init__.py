"""Inputs and targets: what networks are asked to learn."""

from fatheory.listing import public_names as _public_names
from fatheory.tasks.images import IMAGE_SETS as IMAGE_SETS
from fatheory.tasks.images import FileReport as FileReport
from fatheory.tasks.images import Images as Images
from fatheory.tasks.images import ImageSet as ImageSet
from fatheory.tasks.images import SetStatus as SetStatus
from fatheory.tasks.images import data_folder as data_folder
from fatheory.tasks.images import fetch as fetch
from fatheory.tasks.images import image_set as image_set
from fatheory.tasks.images import load as load
from fatheory.tasks.images import status as status
from fatheory.tasks.images import verify as verify
from fatheory.tasks.linear import gaussian_inputs as gaussian_inputs
from fatheory.tasks.linear import matched_inputs as matched_inputs
from fatheory.tasks.linear import power_law_covariance as power_law_covariance
from fatheory.tasks.linear import symmetric_root as symmetric_root
from fatheory.tasks.quadratic import quadratic_targets as quadratic_targets
from fatheory.tasks.registry import TASKS as TASKS
from fatheory.tasks.registry import register as register
from fatheory.tasks.teacher import teacher_targets as teacher_targets

__dir__ = _public_names(__name__)
