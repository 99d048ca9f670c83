"""What both answers start from: one random stream per purpose, drawn once per seed."""

from fatheory.initial.connections import Connections as Connections
from fatheory.initial.connections import connected as connected
from fatheory.initial.examples import Examples as Examples
from fatheory.initial.examples import block_steps as block_steps
from fatheory.initial.examples import examples as examples
from fatheory.initial.examples import sample_order as sample_order
from fatheory.initial.frame import coordinates as coordinates
from fatheory.initial.frame import drawn_variables as drawn_variables
from fatheory.initial.initial_state import InitialState as InitialState
from fatheory.initial.initial_state import draw_initial_state as draw_initial_state
from fatheory.initial.problem import LinearProblem as LinearProblem
from fatheory.initial.problem import Problem as Problem
from fatheory.initial.problem import QuadraticProblem as QuadraticProblem
from fatheory.initial.problem import TeacherProblem as TeacherProblem
from fatheory.initial.samples import Samples as Samples
from fatheory.initial.streams import PURPOSES as PURPOSES
from fatheory.initial.streams import stream as stream
from fatheory.listing import public_names as _public_names
from fatheory.renamed import renamed as _renamed

__getattr__ = _renamed(
    __name__,
    {
        "Start": "fatheory.initial:InitialState",
        "draw_start": "fatheory.initial:draw_initial_state",
    },
)

__dir__ = _public_names(__name__)
