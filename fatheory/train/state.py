"""The state of runs between two updates, apart from how they are grouped."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fatheory.errors import DamagedArchiveError
from fatheory.train.ensemble import Ensemble

State = dict[str, dict[str, np.ndarray]]
"""From a rule's label and the name of an array to the array, of leading axis (seed)."""


def states_of(ensemble: Ensemble, rules: Sequence[str]) -> State:
    """Copy an ensemble's arrays, by rule and name.

    Parameters
    ----------
    ensemble : Ensemble
        Arrays with the leading axes (rule, seed).
    rules : sequence of str
        Labels of its rules, in order.
    """
    leaves = jax.tree_util.tree_leaves_with_path(ensemble)
    # Copied: the next update takes over the arrays' memory.
    arrays = {_name(path): np.array(leaf) for path, leaf in leaves}
    return {rule: {name: a[i] for name, a in arrays.items()} for i, rule in enumerate(rules)}


def joined_states(parts: Sequence[State]) -> State:
    """Join the states of groups that hold consecutive seeds of the same rules, or other rules."""
    joined: State = {}
    for part in parts:
        for rule, arrays in part.items():
            known = joined.setdefault(rule, {})
            for name, array in arrays.items():
                # Groups come in the order of their replicas.
                known[name] = np.concatenate([known[name], array]) if name in known else array
    return joined


def restored(
    ensemble: Ensemble, rules: Sequence[str], replicas: slice, state: Mapping[str, Mapping]
) -> Ensemble:
    """Return an ensemble with the arrays of a state.

    Parameters
    ----------
    ensemble : Ensemble
        As it would be at the start.
    rules : sequence of str
        Labels of its rules, in order.
    replicas : slice
        Which of the seeds it holds.
    state : mapping
        As `joined_states` returns it, of all seeds.

    Raises
    ------
    DamagedArchiveError
        If the state does not hold what the ensemble consists of.
    """

    def replaced(path: tuple, leaf: jax.Array) -> jax.Array:
        name = _name(path)
        found = []
        for rule in rules:
            array = state.get(rule, {}).get(name)
            if (
                array is None
                or array.dtype != leaf.dtype
                or array[replicas].shape != leaf.shape[1:]
            ):
                got = "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
                raise DamagedArchiveError(
                    f"the state of {rule!r} must hold {name} as {leaf.dtype} of shape "
                    f"{leaf.shape[1:]} for {leaf.shape[1]} seeds; found {got}; start the run over"
                )
            found.append(array[replicas])
        # Not `asarray`, which may share NumPy's memory with what the first update takes over.
        return jnp.array(np.stack(found))

    return jax.tree_util.tree_map_with_path(replaced, ensemble)


def _name(path: tuple) -> str:
    """Return the name of an array in stored states, which outlive those of our attributes."""
    return jax.tree_util.keystr(path).replace(".optimizer_state", ".memory", 1)
