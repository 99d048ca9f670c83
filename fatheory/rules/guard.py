"""What rules of one's own are held to, wherever they are asked: in words that name the rule."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from fatheory.errors import FatheoryError, PluginError

_LARGE = 1e30
"""Beyond, weights are on their way out of all bounds, and what follows from them may overflow."""


_package_of: list[Callable[[str], str | None]] = []


def packages_known_by(package_of: Callable[[str], str | None]) -> None:
    """Let the registry, which imports all rules, say which packages they come from."""
    _package_of[:] = [package_of]


class DrawnError(Exception):
    """A rule drew its state."""


def guard(kind: type) -> None:
    """Hold what a class of rules defines to its contract, whoever calls it.

    The functions `draw`, `mean_state`, `backward_weights`, `state_gradient`, `teaching_signals`
    and ``__post_init__`` of the class are replaced by ones that look at what comes back: of what
    shape it is, and whether it is made of numbers. What they raise is told with the name of the
    rule and its package. Within a compiled program all this happens while it is compiled.
    """
    for name, check in _CHECKS.items():
        own = vars(kind).get(name)
        if own is None:
            continue
        static = isinstance(own, staticmethod)
        function = own.__func__ if static else own
        if callable(function) and not hasattr(function, "_guarded"):
            held = _held(kind, name, function, check, skipped=0 if static else 1)
            setattr(kind, name, staticmethod(held) if static else held)


def _held(
    kind: type, name: str, function: Callable[..., Any], check: Callable[..., str], skipped: int
) -> Callable[..., Any]:
    @wraps(function)
    def held(*args: Any, **kwargs: Any) -> Any:
        # What is inherited is told of the rule that was asked.
        own = type(args[0]) if skipped and args else kind
        try:
            found = function(*args, **kwargs)
        except (FatheoryError, DrawnError):
            raise
        except Exception as error:  # whatever a stranger's function raises
            if name == "__post_init__" and isinstance(error, ValueError):
                raise  # a parameter that is out of range
            told = str(error).partition("\n")[0]
            raise PluginError(
                f"{whose(own)} fails in {name}: {type(error).__name__}: {told}; {_CONTRACT[name]}"
            ) from error
        wrong = check(found, *args[skipped:], **kwargs)
        if wrong:
            raise PluginError(f"{whose(own)} {wrong}; {_CONTRACT[name]}")
        return found

    vars(held)["_guarded"] = True
    return held


def whose(kind: Any) -> str:
    """Name a class of rules and the package that it is of, for messages."""
    name = getattr(kind, "name", kind.__name__)
    known = (package_of(name) for package_of in _package_of if isinstance(name, str))
    package = next(known, None)
    return f"the rule {name!r} of {package or kind.__module__}"


_CONTRACT = {
    "draw": "its method draw(sampler, shape) must return finite numbers of the shape, or None",
    "mean_state": "its method mean_state(state, shape) must return numbers of the shape, or None",
    "backward_weights": (
        "its function backward_weights(W, state) must return V, of the shape of W, by what NumPy "
        "and JAX arrays both have (fatheory.arrays.namespace)"
    ),
    "state_gradient": "its method state_gradient must return what V descends, of the shape of V",
    "teaching_signals": (
        "its method teaching_signals must return one array for each hidden layer, of the shapes "
        "trial.hidden_shapes, by what NumPy and JAX arrays both have (fatheory.arrays.namespace)"
    ),
    "__post_init__": "its __post_init__ may raise ValueError for parameters that are out of range",
}


def _unlike(found: Any, *shapes: tuple[int, ...]) -> str:
    """Say how something differs from an array of real numbers of one of some shapes."""
    dtype = getattr(found, "dtype", None)
    if dtype is None or not hasattr(found, "shape"):
        return f"as {type(found).__name__}, where an array is expected"
    if getattr(dtype, "kind", "") not in ("i", "u", "f"):
        return f"as {dtype}, where real numbers are expected"
    if tuple(found.shape) not in shapes:
        return f"with shape {tuple(found.shape)}, where the shape {shapes[0]} is expected"
    return ""


def _not_finite(found: Any) -> str:
    """Say how many entries of an array are NaN or infinite, and which; empty if none are."""
    # Within a compiled program there are no numbers yet.
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f":
        return ""
    odd = np.argwhere(~np.isfinite(found))
    if not len(odd):
        return ""
    first = tuple(odd[0].tolist())
    return (
        f"of which {len(odd)} of {found.size} entries are not finite ({found[first]} at "
        f"{list(first)})"
    )


def _drawn(found: Any, sampler: Any = None, shape: Any = ()) -> str:
    del sampler
    wrong = "" if found is None else _unlike(found, tuple(shape)) or _not_finite(found)
    return wrong and f"drew feedback {wrong}"


def _mean(found: Any, state: Any = None, shape: Any = ()) -> str:
    wrong = "" if found is None else _unlike(found, tuple(shape))
    if not wrong and found is not None and (state is None or not _not_finite(state)):
        wrong = _not_finite(found)
    return wrong and f"returns a mean state {wrong}"


def _backward(V: Any, W: Any, state: Any = None) -> str:
    # A fixed V comes without the axes of steps that W may have before its own two.
    drawn = [] if state is None else [tuple(state.shape)]
    alike = [shape for shape in drawn if shape[-2:] == tuple(W.shape)[-2:]]
    wrong = _unlike(V, tuple(W.shape), *alike)
    if not wrong and isinstance(V, np.ndarray) and isinstance(W, np.ndarray):
        given = (W,) if state is None else (W, state)
        # Infinite values of large weights are a run's divergence, no fault of the rule.
        if not np.isfinite(V).all() and all((np.abs(A) < _LARGE).all() for A in given):
            wrong = "with entries that are not finite, for weights that are"
    return wrong and f"returns backward weights {wrong}"


def _descended(found: Any, V: Any, *others: Any, **named: Any) -> str:
    del others, named
    wrong = _unlike(found, tuple(V.shape))
    return wrong and f"returns a gradient of its feedback {wrong}"


def _lost(signal: Any, trial: Any) -> str:
    """Say of signals that they are not finite, where errors and targets are; empty otherwise."""
    given = (getattr(trial, "output_error", None), getattr(trial, "target", None))
    if not isinstance(signal, np.ndarray) or not isinstance(given[0], np.ndarray):
        return ""
    # Beyond large errors and in diverged runs, it is not the rule that is to blame.
    fine = (np.abs(given[0]) < _LARGE).all(axis=-1)
    if np.isfinite(signal).all() or np.isfinite(signal[fine]).all():
        return ""
    return "with entries that are not finite, for errors that are"


def _signals(found: Any, trial: Any, *others: Any, **named: Any) -> str:
    del others, named
    shapes = [tuple(shape) for shape in trial.hidden_shapes]
    if not isinstance(found, tuple | list) or len(found) != len(shapes):
        got = f"{len(found)}" if isinstance(found, tuple | list) else type(found).__name__
        return f"returns teaching signals as {got}, where {len(shapes)} arrays are expected"
    for layer, (signal, shape) in enumerate(zip(found, shapes, strict=True), start=1):
        wrong = _unlike(signal, shape) or _lost(signal, trial)
        if wrong:
            return f"returns teaching signals of layer {layer} {wrong}"
    return ""


_CHECKS: dict[str, Callable[..., str]] = {
    "draw": _drawn,
    "mean_state": _mean,
    "backward_weights": _backward,
    "state_gradient": _descended,
    "teaching_signals": _signals,
    "__post_init__": lambda *_: "",
}
