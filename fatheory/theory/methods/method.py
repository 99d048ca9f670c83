"""What a method is: a way to answer an experiment from equations."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from fatheory.experiment import Experiment
from fatheory.initial import InitialState


class Method:
    """A way to answer an experiment from equations, in the shape in which simulation answers it.

    Subclass it in a file of its own and list it in `fatheory.theory.methods.registry`; a package
    of yours names an instance in the entry-point group ``fatheory.methods``, a notebook calls
    `fatheory.theory.register_method`. `fatheory.solve` asks `covers`, then `memory`, draws the
    starts, asks `answer`, and labels what it is given.

    Methods about linear networks subclass `fatheory.theory.methods.linear.LinearMethod`, which
    measures what an experiment records along the path of its weights. Others say in `scope` what
    they know of, and give what they have: an infinite network has losses and angles, no weights.

    Examples
    --------
    >>> class Constant(Method):
    ...     name = "constant"
    ...     summary = "nothing is learned: the loss stays"
    ...     regime = "networks that do not learn"
    ...
    ...     def covers(self, experiment):
    ...         return [*LINEAR.problems(experiment)]
    ...
    ...     def answer(self, experiment, starts):
    ...         first = np.array([np.sum(start.T**2) / 2 for start in starts])
    ...         rules, steps = len(experiment.rules), len(experiment.snapshot_steps)
    ...         return {"loss": np.broadcast_to(first[:, None], (rules, len(starts), steps))}
    """

    name: ClassVar[str]
    """How `solve`, archives and lists call it, in lower case with underscores."""
    summary: ClassVar[str]
    """One line for lists."""
    source: ClassVar[str] = "derived for this project"
    """Paper and place."""
    regime: ClassVar[str]
    """What it is about, in the plural, for messages: "linear networks on linear tasks"."""
    any_rate: ClassVar[bool] = False
    """Whether it gives one function of time = learning rate x step, whatever the rate, as a flow
    does. Other answers are compared with simulation at their own learning rates only."""

    def covers(self, experiment: Experiment) -> Sequence[str]:
        """Say everything by which the experiment is outside the method's regime, and the cure.

        It is asked before anything is drawn. List what the method *knows* (`Scope` does, part by
        part) and refuse the rest, so that a feature of next year is refused and not ignored.

        Returns
        -------
        sequence of str
            One line for each problem, such as ``"learning rates decay: set schedule.decay to
            null"``; empty if the experiment is covered.
        """
        raise NotImplementedError("a method says what it covers")

    def answer(
        self, experiment: Experiment, starts: Sequence[InitialState]
    ) -> Mapping[str, np.ndarray]:
        """Answer an experiment that is covered, from the draws that simulation starts from, too.

        Parameters
        ----------
        experiment : Experiment
            What is asked: rules, learning rates, recorded steps and quantities.
        starts : sequence of InitialState
            One for each of the experiment's seeds.

        Returns
        -------
        mapping of str to array
            By the names of archive variables, in float64, each of shape (rule, seed, ...) with
            the dimensions that `fatheory.labels.describe` gives the name; ``loss`` is needed,
            ``diverged_at`` is -1 where it is not given. Variables of quantities that the method
            cannot give are left out.

        Raises
        ------
        RegimeError
            If an assumption fails that only the drawn arrays can show; it says by how much.
        """
        raise NotImplementedError("a method answers")

    def absent(self, experiment: Experiment) -> Mapping[str, str]:
        """Say why recorded quantities are not in the answer, by their names.

        `solve` puts it into the archive's attribute ``absent_quantities``. A quantity that is
        neither in the answer nor named here is said not to be given by the method.
        """
        del experiment
        return {}

    def memory(self, experiment: Experiment) -> Mapping[str, int]:
        """Estimate the bytes by part that `answer` takes beside the starts and the answer."""
        del experiment
        return {}

    def unfit(self) -> str:
        """Say what is wrong with what it declares; empty if nothing is."""
        for name in ("name", "summary", "regime"):
            if not isinstance(getattr(self, name, None), str) or not getattr(self, name):
                return f"has no {name}"
        return ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"
