"""Start weights, biases and feedback of one's own, as arrays."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, cast

import numpy as np
from pydantic import PrivateAttr, model_validator

from fatheory import labels
from fatheory.checks import extended_array, require_kind, step_label
from fatheory.errors import ArrayError, DataError, suggestion
from fatheory.experiment.description import NOT_EMPTY, Description, Seed, Size, Text
from fatheory.experiment.start_array import HeldArray, Labelled, labelled
from fatheory.experiment.whole import Problem, Whole
from fatheory.tasks.own_arrays import at_hand, remember

_NAME = re.compile(
    r"(weight|kernel|bias|channel_bias|feedback|feedback_kernel|direct_feedback)_([1-9]\d*)"
)
_WEIGHTS = ("weight", "kernel")
_BIASES = ("bias", "channel_bias")


class StartArray(Description):
    """What one array of an `OwnStart` holds.

    Attributes
    ----------
    name : str
        As archives call it: ``weight_1``, ``bias_2``, ``feedback_2``.
    rules, seeds : tuple
        Labels along its first axes; empty where all rules, or seeds, have the same.
    shape : tuple of int
        Without those axes.
    precision : str
        ``float32`` or ``float64``.
    digests : tuple of str
        Of the content for every rule and seed, the seed running fastest.
    """

    name: Text
    rules: tuple[Text, ...] = ()
    seeds: tuple[Seed, ...] = ()
    shape: Annotated[tuple[Size, ...], NOT_EMPTY]
    precision: Literal["float32", "float64"]
    digests: Annotated[tuple[Text, ...], NOT_EMPTY]

    @model_validator(mode="after")
    def _fits(self) -> "StartArray":
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"{self.name!r} is no start of a network: weight_1, kernel_1, bias_1, "
                f"channel_bias_1, feedback_2, feedback_kernel_2, direct_feedback_1, and so on"
            )
        count = max(1, len(self.rules)) * max(1, len(self.seeds))
        if len(self.digests) != count:
            raise ValueError(f"{self.name} needs {count} digests; got {len(self.digests)}")
        return self

    @property
    def kind(self) -> str:
        """What it is, without the layer."""
        return self.name.rpartition("_")[0]

    @property
    def layer(self) -> int:
        """Of which layer."""
        return int(self.name.rpartition("_")[2])

    @property
    def stored_name(self) -> str:
        """Name of the variable of an archive that holds it, by the axes that it has."""
        rules, seeds = bool(self.rules), bool(self.seeds)
        return labels.initial(self.name, of_rules=rules, of_seeds=seeds)

    def digest(self, rule: str, seed: int) -> str:
        """Return the digest of what a rule and a seed start from."""
        at = self.rules.index(rule) if self.rules else 0
        own = self.seeds.index(seed) if self.seeds else 0
        return self.digests[at * max(1, len(self.seeds)) + own]


class OwnStart(Description):
    """Weights, biases and feedback from which networks start, instead of drawn ones.

    What is not given is drawn as ever. The description holds what the arrays are and their
    digests, the archive of a run the arrays themselves.

    Parameters
    ----------
    own : mapping of str to array
        By the names that archives have: ``weight_l`` of shape (unit_l, unit_{l-1}), ``kernel_l``
        (channel_l, channel_{l-1}, row, column), ``bias_l`` and ``channel_bias_l``, ``feedback_l``
        oriented like B, (unit_{l-1}, unit_l), ``feedback_kernel_l``, ``direct_feedback_l``
        (unit_l, unit_L). An array of that shape is the same for all rules and seeds; a DataArray
        may have the dimensions ``rule`` and ``seed`` in front, with their labels, and a mapping
        gives arrays by rule (str), by seed (int), or by rule and then seed.
    **described
        ``arrays`` as a description holds them.

    Raises
    ------
    ArrayError
        If an array has no such name, holds NaN, or lacks labels.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.full((3, 4), 0.1)
    >>> start = OwnStart({"weight_1": {0: W, 1: 2 * W}, "feedback_2": np.ones((3, 2))})
    >>> [(array.name, array.seeds) for array in start.arrays]
    [('feedback_2', ()), ('weight_1', (0, 1))]
    """

    arrays: Annotated[tuple[StartArray, ...], NOT_EMPTY]

    _held: dict[str, HeldArray] = PrivateAttr(default_factory=dict)

    def __init__(self, own: Any = None, /, **described: Any) -> None:
        held: list[HeldArray] = []
        if own is not None:
            described["arrays"], held = _given(own)
        super().__init__(**described)
        # By digest, as rules and seeds often share arrays, which are then held once.
        self._held = {one.digest: one for one in held}
        self._look()

    @classmethod
    def from_archive(
        cls, archive: Any, *, step: int | None = None, feedback: bool = True
    ) -> "OwnStart":
        """Start where the networks of an archive were.

        Parameters
        ----------
        archive : Dataset
            A run archive that recorded weights; by rule and seed where it has these dimensions.
            With ``archive.sel(rule="backprop")`` all rules start from those of one.
        step : int, optional
            A recorded step; the last one by default.
        feedback : bool
            Whether feedback is taken over, too.

        Raises
        ------
        ArrayError
            If the archive holds no weights, or the step was not recorded.
        """
        import xarray as xr  # descriptions are read without it

        require_kind("archive", archive, xr.Dataset, "fatheory.load(PATH) reads a stored one")
        names = [str(name) for name in archive.data_vars if _NAME.fullmatch(str(name))]
        learned = [n for n in names if n.rpartition("_")[0] in (*_WEIGHTS, *_BIASES)]
        if not any(n.rpartition("_")[0] in _WEIGHTS for n in learned):
            raise ArrayError("the archive holds no weights to start from: record 'weights'")
        if any(str(name).startswith("running_mean") for name in archive.data_vars):
            raise ArrayError(
                "networks with batch normalisation have running moments beside their weights, "
                "with which a start of one's own cannot be given"
            )
        found = {}
        for name in names if feedback else learned:
            values = archive[name]
            if labels.STEP in values.dims:
                recorded = values[labels.STEP].values
                # The largest label, not the last place: a selection may have turned the order.
                at = recorded.max() if step is None else step_label(step)
                if at not in recorded:
                    raise ArrayError(f"step {step!r} was not recorded; these were: {recorded}")
                values = values.sel({labels.STEP: at})
                if name in learned and np.isnan(values).all():
                    raise ArrayError(
                        f"{name} has no numbers at step {at}: its networks had diverged, or the "
                        f"experiment keeps weights at other steps (record.keep_weights)"
                    )
            found[name] = values
        return cls(found)

    def take(self, archive: Any) -> None:
        """Take the arrays that an archive of an experiment with this start holds."""
        for described in self.arrays:
            name = described.stored_name
            if name not in archive:
                continue
            for held in _slices(described, labelled(name, archive[name], described.name)):
                # What an archive holds and the description does not name is another start, and is
                # left there.
                if held.digest in described.digests:
                    own = cast(HeldArray, remember(held))
                    self._held[own.digest] = own
        self._look()

    def _look(self) -> None:
        """Hold what others have at hand."""
        for digest in {one for described in self.arrays for one in described.digests}:
            found = self._held.get(digest) or at_hand(digest)
            if isinstance(found, HeldArray):
                self._held[digest] = found

    @property
    def belongings(self) -> tuple[HeldArray, ...]:
        """The arrays at hand, to be taken along to another process."""
        return tuple(self._held.values())

    def complete(self, rules: Sequence[str], seeds: Sequence[int]) -> bool:
        """Whether everything that these rules and seeds start from is at hand."""
        self._look()  # others may have brought some to hand since
        return all(
            described.digest(rule, seed) in self._held
            for described in self.arrays
            for rule in rules
            for seed in seeds
        )

    def find(self, name: str, rule: str, seed: int) -> np.ndarray | None:
        """Return what a rule and a seed start from, in float64; None if it is not given.

        Raises
        ------
        DataError
            If it is given, and not at hand.
        """
        for described in self.arrays:
            if described.name == name:
                digest = described.digest(rule, seed)
                if digest not in self._held:
                    self._look()
                if digest not in self._held:
                    raise DataError(
                        f"{name} of this start (SHA-256 {digest:.16}...) is not at hand: read the "
                        f"experiment from an archive of it, by "
                        f"Experiment.from_archive(fatheory.load(PATH)), or give the array itself"
                    )
                # As draws are made; training rounds both alike.
                return self._held[digest].values.astype(np.float64)
        return None

    def given(self, *kinds: str) -> Iterator[StartArray]:
        """Yield what is given of some kinds."""
        yield from (described for described in self.arrays if described.kind in kinds)

    @property
    def stored_names(self) -> tuple[str, ...]:
        """Names of the variables of an archive that hold the arrays."""
        return tuple(described.stored_name for described in self.arrays)

    def stored(self, rules: Sequence[str], seeds: Sequence[int]) -> dict[str, np.ndarray]:
        """Return the variables that archives hold, for these rules and seeds."""
        found = {}
        for one in self.arrays:
            # Of what all share, one is stored.
            own = (rules if one.rules else rules[:1]), (seeds if one.seeds else seeds[:1])
            parts = [self.find(one.name, rule, seed) for rule in own[0] for seed in own[1]]
            axes = tuple(
                len(of_run)
                for of_run, given in zip(own, (one.rules, one.seeds), strict=True)
                if given
            )
            stacked = np.array(parts, one.precision).reshape(*axes, *one.shape)
            found[one.stored_name] = stacked
        return found

    @property
    def by_rule(self) -> bool:
        """Whether weights or biases differ from rule to rule."""
        return any(described.rules for described in self.given(*_WEIGHTS, *_BIASES))

    def conflicts(self, experiment: Whole) -> Iterator[Problem]:
        """Find what the start does not go with, by dotted key."""
        known = _shapes(experiment)
        rules = [label for label, _ in experiment.rules]
        if experiment.network.normalization is not None:
            yield "initial", "a start of one's own is not for networks with batch normalisation"
            return
        for one in self.arrays:
            if one.name not in known:
                yield "initial", f"the network has no {one.name}{suggestion(one.name, known)}"
                continue
            yield from _shape_conflict(one, known[one.name])
            for what, given, asked in (
                ("rule", one.rules, rules),
                ("seed", one.seeds, experiment.seeds),
            ):
                missing = [label for label in asked if given and label not in given]
                if missing:
                    yield (
                        "initial",
                        f"{one.name} is given for {given}, and not for {what} {missing}",
                    )
        for label, choice in experiment.rules:
            if choice.initial_concordance is not None and any(self.given(*_FEEDBACK)):
                yield (
                    f"rules.{label}.initial_concordance",
                    "is that of drawn feedback, and initial gives feedback: leave one out",
                )


_FEEDBACK = ("feedback", "feedback_kernel", "direct_feedback")


def _shape_conflict(one: StartArray, wanted: tuple[int, ...]) -> Iterator[Problem]:
    if one.shape != wanted:
        # Feedback is (n_l-1, n_l) and weights are (n_l, n_l-1): the commonest slip.
        hint = ": it is transposed" if one.shape == wanted[::-1] else ""
        yield "initial", f"{one.name} must have the shape {wanted}; got {one.shape}{hint}"


def _shapes(experiment: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of everything that a network can start from, by name."""
    found: dict[str, tuple[int, ...]] = {}
    shapes, outputs = experiment.weight_shapes, experiment.sizes[-1]
    for layer, shape in enumerate(shapes, start=1):
        own = tuple(shape)
        matrix = len(own) == 2
        found[labels.weight(layer) if matrix else labels.kernel(layer)] = own
        if experiment.network.biases is not None:
            found[labels.bias(layer) if matrix else labels.channel_bias(layer)] = own[:1]
        if layer > 1:
            name = labels.feedback(layer) if matrix else labels.feedback_kernel(layer)
            # B of matrices has the shape of the transpose, as in L16; kernels are stored in the
            # shape of W.
            found[name] = own[::-1] if matrix else own
        if layer < len(shapes):
            found[labels.direct_feedback(layer)] = (experiment.sizes[layer], outputs)
    return found


def _given(arrays: Any) -> tuple[list[dict[str, Any]], list[HeldArray]]:
    """Describe arrays, and hold their content."""
    if not isinstance(arrays, Mapping) or not arrays:
        raise ArrayError(f"a start is a mapping of names to arrays; got {arrays!r:.60}")
    described, held = [], []
    # Sorted, as the order in which they are given says nothing, and would change the content hash.
    for name in sorted(map(str, arrays)):
        if not _NAME.fullmatch(name):
            known = ("weight_1", "kernel_1", "bias_1", "channel_bias_1", "feedback_2",
                     "feedback_kernel_2", "direct_feedback_1")  # fmt: skip
            raise ArrayError(f"a start has no {name!r}{suggestion(name, known)}")
        found = labelled(name, arrays[name], name)
        shape = found.values.shape[found.leading :]
        array = StartArray(
            name=name,
            rules=found.rules,
            seeds=found.seeds,
            shape=shape,
            precision=str(found.values.dtype),
            # Placeholders: digests are of parts, whose shape this description tells.
            digests=("",) * max(1, len(found.rules)) * max(1, len(found.seeds)),
        )
        slices = [cast(HeldArray, remember(one)) for one in _slices(array, found)]
        for one in slices:
            _require_numbers(array, one.values)
        described.append(dict(array) | {"digests": tuple(one.digest for one in slices)})
        held += slices
    return described, held


def _slices(described: StartArray, found: Labelled) -> list[HeldArray]:
    """Part an array by rule and seed, the seed running fastest."""
    array = found.values.astype(described.precision)
    count = int(np.prod(array.shape[: found.leading], dtype=int))
    return [HeldArray(part) for part in array.reshape(count, *described.shape)]


def _require_numbers(described: StartArray, values: np.ndarray) -> None:
    finite = np.isfinite(extended_array(described.name, values))
    # Rules that draw no feedback have NaN in archives, and no use for any.
    unused = described.kind in _FEEDBACK and not finite.any()
    if not finite.all() and not unused:
        raise ArrayError(
            f"{described.name} must be finite; some of its entries are NaN or infinite"
        )
