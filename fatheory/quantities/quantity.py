"""What a quantity is: something that can be recorded of a network, and computed offline alike."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.errors import FatheoryError, QuantityError
from fatheory.labels import Variable
from fatheory.quantities.dimensions import dimension_sizes
from fatheory.quantities.experiment_like import ExperimentLike, ExperimentParts
from fatheory.quantities.fingerprint import Fingerprint, digest, source_text
from fatheory.quantities.need import OF_MATRICES, Need
from fatheory.quantities.reserved import reserved_for
from fatheory.quantities.view import Narrowed, View
from fatheory.registry import of_fatheory

_LAYER = "{layer}"
_DIMENSION = re.compile(
    "layer|sample|receptive_unit|traced_unit|time_step|unit_below_L|"
    r"(unit|feature|channel|kernel_row|kernel_column)_(L|\d+|\{layer\}|\{below\})"
)
"""What variables can have behind (rule, seed, step); `dimension_sizes` knows their sizes."""


class Quantity:
    """A quantity that can be recorded: its variables, what it needs, and how it is computed.

    Subclass it in a file of its own and list an instance in `fatheory.quantities.registry`; a
    package of yours names one in the entry-point group ``fatheory.quantities``. Everything that
    speaks of quantities asks the instance: descriptions, archives, estimates of memory, sweeps,
    metrics and lists.

    Examples
    --------
    >>> class LargestWeight(Quantity):
    ...     name = "largest_weight"
    ...     summary = "largest absolute weight into a layer"
    ...     needs = frozenset({Need.WEIGHTS})
    ...     variables = {"largest_weight": labels.per_layer("1", summary)}
    ...
    ...     def compute(self, view):
    ...         xp = namespace(*view.weights)
    ...         largest = [xp.max(xp.abs(W), axis=(-2, -1)) for W in view.weights]
    ...         return {"largest_weight": xp.stack(largest, axis=-1)}
    """

    name: ClassVar[str]
    """How descriptions call it."""
    summary: ClassVar[str]
    """One line for lists."""
    source: ClassVar[str] = ""
    """Paper and place, where there is one."""
    needs: ClassVar[frozenset[Need]]
    """What `compute` looks at."""
    variables: ClassVar[Mapping[str, Variable]]
    """Its variables by name, of dimensions (rule, seed, step, ...). ``{layer}`` in a name stands
    for a family of one variable for every layer, and in dimensions and texts for its number."""
    same_in_any_basis: ClassVar[bool] = False
    """Whether it is the same after any orthogonal change of basis of the hidden layers of a linear
    network, into fewer units that span what its weights reach."""
    of_matrices: ClassVar[bool] = False
    """Whether it only exists where all weights are matrices."""

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the variables from what a reader offers.

        Written once, for NumPy and JAX alike, over any leading axes: `View` says of what shape
        arrays are. NaN where a number is not defined.

        Parameters
        ----------
        view : View
            What is needed, and nothing else.

        Returns
        -------
        mapping of str to array
            By the names of `variables`, each of shape (*runs, ...) with the dimensions declared
            behind (rule, seed, step).
        """
        raise NotImplementedError("a quantity defines compute")

    def undefined_for(self, experiment: ExperimentParts) -> tuple[str, ...]:
        """Say why an experiment has no such quantity; empty where it has."""
        reasons = [r for need in sorted(self.needs) for r in need.undefined_for(experiment)]
        if self.of_matrices and experiment.network.convolutions:
            reasons.append(OF_MATRICES)
        return tuple(dict.fromkeys(reasons))

    def names(self, experiment: ExperimentLike) -> Iterator[str]:
        """Name the variables that an archive of the experiment holds, families layer by layer."""
        for name in self.variables:
            if _LAYER in name:
                yield from (name.format(layer=i) for i in range(1, experiment.layers + 1))
            else:
                yield name

    def count(self, experiment: ExperimentLike) -> int:
        """Count the numbers that one run records of it at one step."""
        sizes = dimension_sizes(experiment)
        return sum(
            math.prod(sizes[dim] for dim in self.dims(name, experiment)[3:])
            for name in self.names(experiment)
        )

    def dims(self, name: str, experiment: ExperimentLike) -> tuple[str, ...]:
        """Return the dimensions of one of its variables in an archive of the experiment."""
        variable = self.describe(name)
        assert variable is not None  # it is one of `names`
        return labels.output_dims(variable.dims, experiment.layers)

    def measure(self, view: View) -> dict[str, Array]:
        """Compute the variables, and hold the quantity to what it declares.

        Raises
        ------
        QuantityError
            If it raises something, looks at what it does not declare to need, or returns other
            variables or something else than arrays of real numbers.
        NotOfferedError
            If the view does not offer what it needs.
        """
        try:
            measured = dict(self.compute(Narrowed(view, self.needs, self.whose)))
        except FatheoryError:
            raise
        except Exception as error:  # whatever a stranger's function raises
            # A fault of our own keeps its traceback.
            if of_fatheory(type(self)):
                raise
            # JAX tells of traced arrays over many lines, of which the first says what happened.
            told = str(error).partition("\n")[0]
            raise QuantityError(
                f"{self.whose} fails: {type(error).__name__}: {told}; it is computed by what NumPy "
                f"and JAX arrays both have (fatheory.arrays.namespace)"
            ) from error
        for name, values in measured.items():
            if self.describe(str(name)) is None:
                raise QuantityError(
                    f"{self.whose} returns {name!r}; it declares {', '.join(self.variables)}"
                )
            kind = getattr(getattr(values, "dtype", None), "kind", type(values).__name__)
            # NumPy would drop imaginary parts, parse texts, and count dates.
            if kind not in ("b", "i", "u", "f"):
                raise QuantityError(
                    f"{self.whose} returns {name!r} as {getattr(values, 'dtype', kind)}; archives "
                    f"hold arrays of real numbers or booleans: give the real part, a norm or a "
                    f"number for each kind"
                )
        return measured

    def require_shapes(
        self,
        measured: Mapping[str, Array],
        runs: tuple[int, ...],
        experiment: ExperimentLike,
    ) -> None:
        """Hold the quantity to the shapes that it declares.

        Parameters
        ----------
        measured : mapping of str to array
            What `measure` returned, or other quantities' variables beside it.
        runs : tuple of int
            Lengths of the leading axes.
        experiment : ExperimentLike
            Whose networks were measured.

        Raises
        ------
        QuantityError
            If a variable is missing or has another shape.
        """
        sizes = dimension_sizes(experiment)
        for name in self.names(experiment):
            dims = self.dims(name, experiment)[3:]
            expected = (*runs, *(sizes[dim] for dim in dims))
            if name not in measured:
                raise QuantityError(f"{self.whose} returns no {name!r}, which it declares")
            if tuple(measured[name].shape) != expected:
                raise QuantityError(
                    f"{self.whose} returns {name!r} of the shape {tuple(measured[name].shape)}, "
                    f"where ({', '.join(('*runs', *dims))}) has the shape {expected}"
                )

    def describe(self, name: str) -> Variable | None:
        """Return how a variable of the quantity is labelled; None if it has no such variable."""
        return labels.described_in(self.variables, name)

    def unfit(self) -> str:
        """Say what is wrong with what it declares; empty if nothing is."""
        for name in ("name", "summary", "needs", "variables"):
            if not getattr(self, name, None) and name != "needs":
                return f"has no {name}"
        if not self.name.isidentifier():
            return f"has the name {self.name!r}, which is no identifier"
        odd = [need for need in self.needs if not isinstance(need, Need)]
        if odd:
            return f"needs {odd[0]!r}, which is none of {', '.join(map(repr, Need))}"
        if not isinstance(self.variables, Mapping):
            return f"has variables that are no mapping from names: {self.variables!r:.60}"
        for name, variable in self.variables.items():
            taken = reserved_for(name.format(layer=1)) or reserved_for(self.name)
            if taken:
                return f"has a variable {name!r}, which is {taken}: give it another name"
            if variable.dims[:3] != labels.RUN:
                return f"has a variable {name!r} whose dimensions do not begin with {labels.RUN}"
            unknown = [dim for dim in variable.dims[3:] if not _DIMENSION.fullmatch(dim)]
            if unknown:
                return (
                    f"has a variable {name!r} of the dimension {unknown[0]!r}, unknown to "
                    f"archives; they have layer, sample, receptive_unit, unit_1, unit_2, ..., "
                    f"and unit_L of the outputs"
                )
            for what in ("units", "long_name", "equation"):
                text = getattr(variable, what)
                if not isinstance(text, str):
                    return f"has a variable {name!r} whose {what} is text; got {text!r:.60}"
        return ""

    @property
    def digest(self) -> str:
        """Digest of its source and of all that it computes with, as `Fingerprint` says.

        It tells own quantities of one name apart.

        Raises
        ------
        PluginError
            If it computes with something that cannot be told from others of its kind.
        """
        return self._digest_by(Fingerprint(self.whose, type(self).__module__))

    def _digest_by(self, prints: Fingerprint) -> str:
        code = self._code
        beside = [*prints.beside_source(code), *self._state(prints)]
        # Source alone where that is all, as versions before this one had it.
        return digest("\0".join([source_text(code), *beside]))

    @property
    def former_digest(self) -> str:
        """What versions before this one had for a digest: of the source alone."""
        return digest(source_text(self._code))

    @property
    def former_digests(self) -> tuple[str, ...]:
        """All that earlier versions had for a digest, of the quantity as it is now.

        Of the source alone, and of source and values in texts that some nestings share.
        """
        nested = Fingerprint(self.whose, type(self).__module__, former=True)
        return self.former_digest, self._digest_by(nested)

    @property
    def _code(self) -> Any:
        return type(self)

    def _state(self, prints: Fingerprint) -> list[str]:
        return [f"{name} {prints.told(f'its {name}', own)}" for name, own in vars(self).items()]

    @property
    def whose(self) -> str:
        """Name the quantity and who wrote it, for messages."""
        return f"the quantity {self.name!r} ({type(self).__module__})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"
