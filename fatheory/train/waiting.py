"""Waiting for a device so that Ctrl-C and SIGTERM are heard meanwhile."""

import atexit
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

_SHORTEST, _LONGEST = 2e-5, 0.05
"""Seconds between two looks."""
_SHARE = 0.03
"""Of the time waited so far that may pass until the next look."""

_PATIENCE = 1.0
"""Seconds that a device has to end what it does when an interrupted process leaves."""
_INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class GivenUp(BaseException):
    """Nobody wants any more what a device computes.

    As of Ctrl-C, and not an error: quantities of one's own are told of what fails in them.
    """


def always_wanted() -> bool:
    """Return False: what is waited for is not given up."""
    return False


def wait_for(
    tree: Any, expected: float = math.inf, unwanted: Callable[[], bool] = always_wanted
) -> Any:
    """Wait until arrays are computed, and return them.

    Python hears signals between its own instructions only, and `jax.block_until_ready` is one of
    them however long it takes; so this looks again and again.

    Parameters
    ----------
    tree : pytree
        The arrays, among other leaves or not.
    expected : float
        Seconds that it should take. For less than the time between two looks there is no looking:
        to sleep and wake costs more than most steps of small networks, and signals are heard as
        early.
    unwanted : callable
        Whether nobody wants them any more, which ends the waiting.

    Raises
    ------
    GivenUp
        If they are not ready, and unwanted.
    """
    leaves = [leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf, "block_until_ready")]
    if expected > _LONGEST:
        try:
            _poll(leaves, unwanted=unwanted)
        except (KeyboardInterrupt, GivenUp):
            atexit.register(_leave, leaves)
            raise
    for leaf in leaves:
        leaf.block_until_ready()  # what went wrong on the device is raised here
    return tree


def on_host(tree: Any) -> Any:
    """Wait for arrays and return them as NumPy arrays."""
    return jax.tree.map(np.asarray, wait_for(tree))


class RepeatedWait:
    """Waits for a program that is run again and again, and goes by how long it took last time."""

    def __init__(self) -> None:
        self._last = math.inf

    def wait_for(self, tree: Any, unwanted: Callable[[], bool] = always_wanted) -> Any:
        """Wait until arrays are computed, and return them, unless they are not wanted any more."""
        began = time.perf_counter()
        wait_for(tree, self._last, unwanted)
        self._last = time.perf_counter() - began
        return tree


def _poll(
    leaves: Sequence[jax.Array],
    patience: float = math.inf,
    unwanted: Callable[[], bool] = always_wanted,
) -> bool:
    """Return whether arrays are ready, as soon as they are, or after so many seconds."""
    began = time.perf_counter()
    while any(not leaf.is_ready() for leaf in leaves):  # type: ignore[attr-defined]
        waited = time.perf_counter() - began
        if waited > patience:
            return False
        if unwanted():
            raise GivenUp
        # In proportion to the wait: short ones lose little, long ones leave the processor alone.
        time.sleep(min(max(_SHARE * waited, _SHORTEST), _LONGEST))
    return True


def _leave(leaves: Sequence[jax.Array]) -> None:
    """End the process though a device still works on what nobody waits for any more.

    The interpreter would wait for it on its way out, past the reach of any signal but SIGKILL.
    """
    if not _poll(leaves, _PATIENCE):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(_INTERRUPTED)
