"""The device on which a group of runs lives."""

from typing import Any

import jax


class Place:
    """A device, and copies there of arrays that are handed over again and again.

    Parameters
    ----------
    device : jax.Device or None
        None where there is no choice: nothing is moved.
    """

    def __init__(self, device: jax.Device | None) -> None:
        self._device = device
        self._known: dict[str, list[tuple[Any, Any]]] = {}

    def put(self, tree: Any) -> Any:
        """Return arrays on the device."""
        return tree if self._device is None else jax.device_put(tree, self._device)

    def keep(self, what: str, tree: Any) -> Any:
        """Return arrays on the device; those that were handed over last time are not moved again.

        Parameters
        ----------
        what : str
            What the arrays are for: each purpose has its own last time.
        tree : pytree
            The arrays.
        """
        if self._device is None:
            return tree
        leaves, structure = jax.tree.flatten(tree)
        before = self._known.get(what, [])
        moved = [
            known[1] if known is not None and known[0] is leaf else self.put(leaf)
            for leaf, known in zip(leaves, [*before, *[None] * len(leaves)], strict=False)
        ]
        self._known[what] = list(zip(leaves, moved, strict=True))
        return jax.tree.unflatten(structure, moved)


def places() -> list[Place]:
    """Return a place for every local device; one without a choice where there is one device."""
    devices = jax.local_devices()
    return [Place(device) for device in devices] if len(devices) > 1 else [Place(None)]
