# %% [markdown]
# # What an accelerator does for training
#
# One run of under eight minutes, on whatever device JAX finds: what the device reaches at best
# (operations of a large product, bytes of a large array), then Fig. 3a's forty runs one image at a
# time, scaled to its fifteen epochs; convolutional images per second by rule, vmapped with XLA's
# convolutions against one run after another with patches; an epoch of the spiking network; an
# ensemble of Fig. 2; memory; and, for every kind of network, the largest difference to the same
# run on the CPU. Shares are of the device's own limits, by the operations of the products that the
# updates need, or by the bytes of weights that pass.
#
#     python analyses/benchmarks/accelerator.py [--tiny] [--limit 440]
#
# Parts that would begin after `--limit` seconds are left out, by name. The exit code is 1 where a
# difference to the CPU is above its tolerance. `--tiny` is for a CPU: the same parts, in seconds.
#
# No report of a GPU is stored yet: so far this ran on CPUs alone.

# %%
import argparse
import resource
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple
from unittest import mock

import conv
import jax
import linear_ensemble
import numpy as np
import online_mnist
import spiking
from machine import device_bandwidth, product_rate
from rows import add_row

import fatheory as fa
from fatheory.reproduction import leave, script_arguments

TOLERANCE = 1e-3
"""Of the largest weight, in single precision: products are summed in another order."""


class Size(NamedTuple):
    """How much is measured."""

    seeds: int = 20
    images: int = 8192
    convolved: int = 1000
    batch: int = 100
    rules: tuple[str, ...] = conv.RULES[:-1]
    channels: tuple[int, ...] = (32, 32, 64)
    width: int = 1500
    shown: int = 30
    steps: int = 2000
    product: int = 8192
    megabytes: int = 1024


TINY = Size(1, 64, 4, 2, ("backprop",), (2,), 10, 2, 20, 128, 1)


class Limits(NamedTuple):
    """What the device reaches at best, a second."""

    operations: float
    bytes: float


# %%
def fig3a(size: Size, limits: Limits) -> None:
    """Report both rules of Fig. 3a, every seed, one image at a time."""
    images = online_mnist.random_images(size.images)
    asked = online_mnist.experiment(size.seeds, images, 1)
    known = dict(fa.presets["lillicrap2016/fig3ab"].rules)
    rules = {name: known[name] for name in ("backprop", "feedback_alignment")}
    asked = asked.replaced(rules=rules)
    seconds, _ = online_mnist.trained(asked, images)
    each = seconds / (size.images * size.seeds * len(rules))
    share = online_mnist.operations_per_image() / each / limits.operations
    add("Fig. 3a, image and network", 1e6 * each, "us")
    add("Fig. 3a, of the largest product", 100 * share, "%")
    hours = 15 * 60_000 * size.seeds * len(rules) * each / 3600
    add(f"Fig. 3a, {size.seeds * len(rules)} runs of 15 epochs", hours, "hours")


def mini_batches(size: Size, limits: Limits) -> None:
    """Report the same network in batches of 100, or of all images."""
    images = online_mnist.random_images(size.images - size.images % min(100, size.images))
    asked = online_mnist.experiment(size.seeds, images, min(100, size.images))
    seconds, _ = online_mnist.trained(asked, images)
    each = seconds / (len(images) * size.seeds)
    share = online_mnist.operations_per_image() / each / limits.operations
    add("mini-batches, of the largest product", 100 * share, "%")


def convolutions(size: Size, limits: Limits) -> None:
    """Report images per second by rule, both ways."""
    del limits
    images = conv.random_images(size.convolved)
    whole = conv.experiment(list(size.rules), 1, size.convolved // size.batch, False)
    blocks = tuple(
        block.replaced(channels=channels)
        for block, channels in zip(whole.network.blocks, size.channels, strict=False)
    )
    schedule = whole.schedule.replaced(batch_size=size.batch)
    whole = whole.replaced(network=whole.network.replaced(blocks=blocks), schedule=schedule)
    rates = dict(whole.rules)
    ways = {"patches, in turn": True, "vmapped": False}
    for rule in (*size.rules, "all rules")[: 1 if len(size.rules) == 1 else None]:
        asked = whole if rule == "all rules" else whole.replaced(rules={rule: rates[rule]})
        for way, as_on_cpu in ways.items():
            with mock.patch("fatheory.train.device.on_cpu", return_value=as_on_cpu):
                seconds, _ = conv.trained(asked, images)
            work = size.convolved * len(asked.rules)
            add(f"convolutions, {rule}, {way}", work / seconds, "images/s")


def spikes(size: Size, limits: Limits) -> None:
    """Report an epoch of MNIST of the spiking network, and the bytes of weights that pass."""
    images = spiking.random_images(size.shown)
    asked = spiking.experiment(
        "feedback_alignment", size.width, max(1, size.width // 15), size.shown
    )
    seconds, _ = spiking.trained(asked, images)
    add("spiking, epoch", seconds * asked.network.steps_per_image * 60_000 / 60, "minutes")
    share = spiking.bytes_per_step(asked, 32) / seconds / limits.bytes
    add("spiking, of the bandwidth", 100 * share, "%")


def ensemble(size: Size, limits: Limits) -> None:
    """Report the compiled steps of Fig. 2's seeds."""
    del limits
    schedule = fa.Schedule(phases=(fa.Phase(steps=size.steps),))
    asked = fa.presets["lillicrap2016/fig2"].replaced(
        rules={"feedback_alignment": 0.01}, seeds=size.seeds, schedule=schedule
    )
    seconds = linear_ensemble.compiled_steps(asked.replaced(precision="float32"), 3)
    add("Fig. 2, step and seed", 1e6 * seconds / (size.steps * size.seeds), "us")


def memory(size: Size, limits: Limits) -> None:
    """Report the most that was held so far, of the device where it tells."""
    del size, limits
    known = jax.devices()[0].memory_stats() or {}
    held = known.get("peak_bytes_in_use")
    if held is None:
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    add("memory at its peak", held / 2**20, "MB")


# %%
def differences(size: Size, limits: Limits) -> float:
    """Report the largest difference to the CPU of every kind of network, of the largest weight."""
    del limits
    steps = min(100, size.steps)
    digits = {"kind": "images", "dataset": "synthetic-digits", "limit": 40, "evaluation_limit": 40}
    kinds: dict[str, dict[str, object]] = {
        "dense": {
            "network": {"hidden": (20,)},
            "task": {"kind": "linear", "inputs": 200, "outputs": 4},
        },
        "convolutional": {
            "task": digits,
            "network": {"kind": "convolutional", "blocks": [{"channels": 3, "kernel": 3}]},
        },
    }
    worst = 0.0
    for name, parts in kinds.items():
        asked = fa.Experiment.model_validate(
            {
                "rules": {"feedback_alignment": 1e-3},
                "schedule": {"phases": [{"steps": steps}]},
                "record": {"quantities": ["weights"], "snapshots": 2},
                "precision": "float32",
            }
            | parts
        )
        ours = _weights(asked)
        with jax.default_device(jax.local_devices(backend="cpu")[0]):
            theirs = _weights(asked)
        apart = max(online_mnist.apart(ours[key], theirs[key]) for key in ours)
        add(f"{name}, difference to the CPU", apart, "of the largest weight")
        worst = max(worst, apart)
    return worst


def _weights(asked: fa.Experiment) -> dict[str, np.ndarray]:
    archive = fa.simulate(asked, progress=False)
    names = [name for name in archive.data_vars if str(name).startswith(("weight_", "kernel_"))]
    return {str(name): archive[name].values[..., -1:, :, :] for name in names}


def add(what: str, value: float, unit: str) -> None:
    """Print a number, and report it."""
    print(f"{what:48} {value:12.4g} {unit}", flush=True)
    add_row(what, value, unit)


# %%
PARTS: tuple[Callable[[Size, Limits], float | None], ...] = (
    fig3a,
    mini_batches,
    ensemble,
    differences,
    spikes,
    convolutions,
    memory,
)


def main() -> None:
    """Measure everything in one run."""
    parser = argparse.ArgumentParser(description="What an accelerator does for training.")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--limit", type=float, default=440.0)
    arguments = script_arguments(parser)
    size, began = TINY if arguments.tiny else Size(), time.perf_counter()
    print(f"JAX on {jax.devices()[0].device_kind}, {len(jax.devices())} device(s), float32")
    limits = Limits(product_rate(size.product), device_bandwidth(size.megabytes))
    add("largest product", limits.operations / 1e9, "GFLOP/s")
    add("bandwidth", limits.bytes / 1e9, "GB/s")
    worst = 0.0
    with ExitStack() as stack:
        # The best of several rounds, but for the tiny size, which is not about time.
        for timed in (online_mnist, conv, spiking) if arguments.tiny else ():
            stack.enter_context(mock.patch.object(timed, "REPEATS", 1))
        for part in PARTS:
            if time.perf_counter() - began > arguments.limit:
                print(f"left out, for {arguments.limit:.0f} s are over: {part.__name__}")
                continue
            worst = max(worst, part(size, limits) or 0.0)
    print(f"{time.perf_counter() - began:.0f} s")
    if not worst <= TOLERANCE:
        print(f"numbers differ from the CPU's by {worst:.1e}, more than {TOLERANCE:g}")
    leave(not worst <= TOLERANCE)


if __name__ == "__main__":
    main()
