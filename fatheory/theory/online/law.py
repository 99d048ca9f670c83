"""The law of the loss under one rule: both phases, one after the other."""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from fatheory.errors import LearningRateWarning, RegimeError
from fatheory.rules import Backprop, FixedFeedback, Rule, Shallow
from fatheory.theory.online.first_phase import FirstPhase, first_phases, stride_of
from fatheory.theory.online.late_phase import excess
from fatheory.theory.online.late_runs import add_late_phases
from fatheory.theory.online.mean_angle import mean_angle
from fatheory.theory.online.reduced_chain import Chain, ChainState
from fatheory.theory.online.shallow import shallow_mean_loss

TOGETHER = 10
"""Runs that are dealt with together: their late phase is many small calls."""
CACHED = 4
"""Of them, runs whose first phase is followed at once: more no longer fit the cache of a core."""
Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
SMALL_START = 0.1
"""Largest singular values of start weights against the root of that of T."""


@dataclass(frozen=True, eq=False)
class LearningLaw:
    """The law of the loss at some steps, NaN from where it is not known.

    Attributes
    ----------
    log_mean : array of shape (step,)
        Natural logarithm of the mean loss.
    log_std : array of shape (step,)
        Standard deviation of the log loss; NaN where only the mean is known.
    angle : array of shape (step,)
        Mean angle of teaching signals, in degrees.
    excess : array of shape (step,)
        chi of the weights there (`fatheory.theory.online.late_phase.excess`).
    reason : str
        Why it ends before the last step; empty if it does not.
    """

    log_mean: Float[np.ndarray, " step"]
    log_std: Float[np.ndarray, " step"]
    angle: Float[np.ndarray, " step"]
    excess: Float[np.ndarray, " step"]
    reason: str = ""

    @property
    def median(self) -> Float[np.ndarray, " step"]:
        """The median loss, of a lognormal law; NaN where only the mean is known."""
        return np.exp(self.log_mean - self.log_std**2 / 2)

    @property
    def mean(self) -> Float[np.ndarray, " step"]:
        """The mean loss."""
        return np.exp(self.log_mean)

    def warn(self, whose: str = "") -> None:
        """Say so if it ends early."""
        if self.reason:
            warnings.warn(f"{whose}{self.reason}", LearningRateWarning, stacklevel=3)


def refusal(rule: Rule) -> str:
    """Return why the law is not known under a rule; empty if it is."""
    if isinstance(rule, FixedFeedback | Backprop | Shallow):
        return ""
    return (
        f"the law of online learning under {rule.name!r} is not known: it is under fixed feedback, "
        f"backprop and shallow learning"
    )


class Run(NamedTuple):
    """What one run learns: W0, W, B (or None), T, the learning rate and the rule."""

    W0: Float[np.ndarray, "n_h n_i"]
    W: Float[np.ndarray, "n_o n_h"]
    B: Float[np.ndarray, "n_h n_o"] | None
    T: Float[np.ndarray, "n_o n_i"]
    rate: float
    rule: Rule


class _Problem(NamedTuple):
    """The chain of a run; `begun` has B^T W^T and W W^T of the start, for the angles."""

    chain: Chain
    start: ChainState
    begun: tuple[np.ndarray, np.ndarray] | None


def learning_law(run: Run, steps: Int[np.ndarray, " step"]) -> LearningLaw:
    """Return the law of one run at the steps; see `online_learning`."""
    return learning_laws([run], steps)[0]


def learning_laws(
    runs: Sequence[Run], steps: Int[np.ndarray, " step"], each: Map = map
) -> list[LearningLaw]:
    """Return the laws of some runs of the same sizes.

    Runs whose updates fall on the same steps are followed together: their products are small, and
    what calls them would cost as much.

    Parameters
    ----------
    runs : sequence of Run
        What is learned.
    steps : array of int
        At which the laws are given.
    each : callable
        How groups of runs are dealt with, as `map` does.
    """
    laws: dict[int, LearningLaw] = {}
    alike = defaultdict(list)
    for place, run in enumerate(runs):
        refused = refusal(run.rule)
        if refused:
            raise RegimeError(refused)
        if isinstance(run.rule, Shallow):
            laws[place] = _shallow_law(run, steps)
        else:
            problem = _problem(run)
            chain = problem.chain
            alike[chain.backprop, chain.eta, stride_of(chain)].append((place, problem))
    groups = [
        same[first : first + TOGETHER]
        for same in alike.values()
        for first in range(0, len(same), TOGETHER)
    ]
    found = each(lambda group: _follow([problem for _, problem in group], steps), groups)
    for group, answers in zip(groups, found, strict=True):
        laws |= {place: law for (place, _), law in zip(group, answers, strict=True)}
    return [laws[place] for place in range(len(runs))]


def _shallow_law(run: Run, steps: Int[np.ndarray, " step"]) -> LearningLaw:
    mean = shallow_mean_loss(run.W0, run.W, run.T, learning_rate=run.rate, steps=steps)
    unknown = np.full(len(steps), np.nan)
    return LearningLaw(np.log(mean), unknown, unknown, unknown)


def _problem(run: Run) -> _Problem:
    W0, W, B, T, rate, rule = run
    _require_regime(W0, W, B, T, rule)
    if isinstance(rule, Backprop):
        return _Problem(*_backprop_chain(W0, W, T, rate), None)
    assert B is not None  # `_require_regime` has asked for it
    none = np.zeros((1, 1, len(T), len(T)))
    chain = Chain((B.T @ B)[None, None], (T @ T.T)[None, None], False, T.shape[1], rate)
    E = T - W @ W0
    start = ChainState((E @ E.T)[None, None], none, none, none)
    return _Problem(chain, start, (B.T @ W.T, W @ W.T))


def _require_regime(
    W0: np.ndarray, W: np.ndarray, B: np.ndarray | None, T: np.ndarray, rule: Rule
) -> None:
    """Refuse what the chain is not of."""
    if (B is None) != isinstance(rule, Backprop):
        raise RegimeError(
            f"{rule.name!r} {'takes no feedback B: leave it out' if B is not None else 'needs B'}"
        )
    n_o, narrow = len(T), min(W0.shape)
    if narrow < n_o or np.linalg.matrix_rank(T) < n_o:
        raise RegimeError(
            f"the law needs inputs and hidden units at least as many as outputs and T of full "
            f"rank; got {W0.shape[1]}-{W0.shape[0]}-{n_o} and rank {np.linalg.matrix_rank(T)}"
        )
    size = max(np.linalg.norm(W0, 2), np.linalg.norm(W, 2)) / np.sqrt(np.linalg.norm(T, 2))
    if size > SMALL_START:
        raise RegimeError(
            f"the law is of learning from weights near zero: their largest singular value is "
            f"{size:.3g} of the root of that of T, above {SMALL_START}: start smaller"
        )


def _backprop_chain(
    W0: np.ndarray, W: np.ndarray, T: np.ndarray, rate: float
) -> tuple[Chain, ChainState]:
    """Return the chain of what grows of the start: (W0 v + W^T u) / 2 in every mode u, v of T."""
    U, _, Vh = np.linalg.svd(T, full_matrices=False)
    # Near zero the sum grows as e^{s t} and the difference decays. R alone, as the hidden units may
    # be turned at will.
    grown = np.linalg.qr((W0 @ Vh.T + W.T @ U) / 2).R
    X, Y = (grown @ Vh)[None, None], (U @ grown.T)[None, None]
    E = T - Y @ X
    chain = Chain(np.eye(len(T))[None, None], (T @ T.T)[None, None], True, T.shape[1], rate)
    return chain, ChainState(E @ E.mT, E @ X.mT, X @ X.mT, Y)


def _follow(problems: Sequence[_Problem], steps: Int[np.ndarray, " step"]) -> list[LearningLaw]:
    """Follow both phases of some runs."""
    with np.errstate(all="ignore"):  # where the closure ends, it says so
        phases = [
            phase
            for first in range(0, len(problems), CACHED)
            for phase in _first_phases(problems[first : first + CACHED], int(steps[-1]))
        ]
        add_late_phases(phases)
        return [
            _at_steps(problem, phase, steps)
            for problem, phase in zip(problems, phases, strict=True)
        ]


def _first_phases(problems: Sequence[_Problem], end: int) -> list[FirstPhase]:
    chains, starts = ([p.chain for p in problems], [p.start for p in problems])
    return first_phases(chains, starts, end)


def _at_steps(problem: _Problem, phase: FirstPhase, steps: Int[np.ndarray, " step"]) -> LearningLaw:
    """Return the law at the steps that are asked for, from the knots about them."""
    chain, knots, begun = problem.chain, phase.knots, problem.begun
    if not knots or not (steps <= knots[-1].step).any():
        unknown = np.full(len(steps), np.nan)
        return LearningLaw(unknown, unknown, unknown, unknown, phase.reason)
    at = np.array([knot.step for knot in knots])
    known = steps <= at[-1]

    def between(values: Sequence[float]) -> Float[np.ndarray, " step"]:
        return np.where(known, np.interp(steps, at, values), np.nan)

    # Angles are dear, and those beside the steps asked for are enough.
    used = sorted({i for s in steps[known] for i in _neighbours(at, s)})
    P, W, Q, readout = (
        np.concatenate([getattr(knots[i], name) for i in used])
        for name in ("P", "W", "Q", "readout")
    )
    angles, chi = np.zeros((2, len(knots)))
    chi[used] = excess(chain, W, Q)
    if begun is not None:
        angles[used] = mean_angle(chain, P, W, readout, *begun)
    variance = between([knot.log_variance for knot in knots])
    return LearningLaw(
        between([knot.log_loss for knot in knots]) + variance / 2,
        np.sqrt(variance),
        between(angles.tolist()),
        between(chi.tolist()),
        phase.reason,
    )


def _neighbours(at: Int[np.ndarray, " knot"], step: np.integer) -> tuple[int, int]:
    above = int(np.searchsorted(at, step))
    return (above, above) if at[above] == step else (above - 1, above)
