"""The law of online learning at the experiment's own learning rate: linear, two layers."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fatheory import labels
from fatheory.experiment import Experiment, RuleChoice
from fatheory.initial import InitialState
from fatheory.machine import usable_cores
from fatheory.rules import Backprop, Shallow
from fatheory.theory.blas_threads import one_blas_thread
from fatheory.theory.methods.fixed_feedback import feedback_of
from fatheory.theory.methods.method import Method
from fatheory.theory.methods.scope import Scope
from fatheory.theory.methods.two_layers import depth_refusals
from fatheory.theory.online.law import CACHED, LearningLaw, Run, learning_laws, refusal

_SCOPE = Scope(
    tasks={"linear": frozenset({"kind", "inputs", "outputs", "target"})},
    schedule=frozenset({"phases"}),
    phase=frozenset({"steps"}),
)
_WHY = {
    "delta_angle_flattened": "the angle is averaged over examples: record delta_angle",
}


class OnlineMethod(Method):
    """The median of the loss over sequences of examples, from each seed's target and feedback.

    Single examples at finite learning rates are taken into account, which the flow leaves out
    (`fatheory.theory.online_learning`, which also gives mean and spread). Of shallow learning it is
    the mean, which is exact. Where the closure ends
    the answer is NaN and a warning says why.
    """

    name = "online"
    summary = "the median of online learning at finite rates, from single examples; start near zero"
    regime = (
        "two-layer linear networks that learn a linear task online from white input, from weights "
        "near zero, by fixed feedback, backprop or in the output layer alone"
    )

    def covers(self, experiment: Experiment) -> list[str]:
        """Say what is outside; see `Method.covers`."""
        problems = [*_SCOPE.problems(experiment), *depth_refusals(experiment, "this method")]
        return problems or list(_rule_refusals(experiment))

    def answer(
        self, experiment: Experiment, starts: Sequence[InitialState]
    ) -> dict[str, np.ndarray]:
        """Follow the law of every seed under every rule."""
        asked = [(start, label, choice) for label, choice in experiment.rules for start in starts]
        # NumPy lets go of the interpreter's lock, and runs know nothing of each other. Their
        # matrices are small: threads of BLAS on top of ours wait for each other, and take three
        # times the processor time.
        with (
            one_blas_thread(),
            ThreadPoolExecutor(min(usable_cores(), len(asked))) as pool,
        ):
            steps = np.asarray(experiment.snapshot_steps)
            laws = learning_laws([_run(*run) for run in asked], steps, pool.map)
        for (start, label, _), law in zip(asked, laws, strict=True):
            law.warn(f"rule {label!r}, seed {start.seed}: ")
        shape = (len(experiment.rules), len(starts))
        answer: dict[str, np.ndarray] = {
            labels.LOSS: np.array([_centre(law) for law in laws]).reshape(*shape, -1)
        }
        if "delta_angle" in experiment.record.quantities:
            # Every rule hands the output the error itself.
            both = [[law.angle, np.where(np.isnan(law.mean), np.nan, 0)] for law in laws]
            answer |= {"delta_angle": np.array(both).mT.reshape(*shape, -1, 2)}
        return answer

    def absent(self, experiment: Experiment) -> dict[str, str]:
        """Name recorded quantities that the law does not have."""
        reason = "the law of the loss has no single weights"
        missing = set(experiment.record.quantities) - {"delta_angle"}
        return {name: _WHY.get(name, reason) for name in sorted(missing)}

    def memory(self, experiment: Experiment) -> Mapping[str, int]:
        """Estimate the points of the closure, some dozens of matrices at each."""
        n_o = experiment.sizes[-1]
        points = 3 * n_o**2 + n_o + 1
        return {"closure": 8 * usable_cores() * CACHED * points * 60 * n_o**2}


def _rule_refusals(experiment: Experiment) -> Iterator[str]:
    for label, choice in experiment.rules:
        refused = refusal(choice.make())
        if refused:
            yield f"rules.{label}: {refused}: leave the rule out"


def _centre(law: LearningLaw) -> np.ndarray:
    """Return the median loss, or the mean of a law of which nothing else is known."""
    return law.mean if np.isnan(law.median).all() else law.median


def _run(start: InitialState, label: str, choice: RuleChoice) -> Run:
    rule = choice.make()
    W0, W = (np.asarray(weights, dtype=np.float64) for weights in start.weights)
    B = None if isinstance(rule, Backprop | Shallow) else feedback_of(start, label)
    return Run(W0, W, B, start.T, choice.learning_rate, rule)
