# %% [markdown]
# # How fast MNIST is learned, one image at a time and in mini-batches
#
# The network of Fig. 3a (784-1000-10, sigmoid units, biases, weight decay; feedback alignment).
#
# Online: the package's blocks of examples against (a) the same model in JAX one example at a time,
# (b) a plain NumPy loop, (c) PyTorch and (d) a plain Numba loop that skips dark pixels, where these
# are installed. All start from the same draws, see the same images and must end at the
# same weights. JAX trains one network, or the 20 of the figure at once, each way; (b) and (c) train
# one, (d) one on every core at a time, and its time is that of one of them.
#
# Mini-batches of 100: the floating-point operations of the products that the updates need, per
# second, as a fraction of what this machine reaches on one large product of square matrices.
#
#     python analyses/benchmarks/online_mnist.py [--seeds 20] [--images 8192] [--spread]
#
# Images are random, of MNIST's size, so that no data set is needed: of 560 pixels, where the others
# are always dark, as many are bright as make 19 % of all. (Of MNIST's 784, 19 % are bright, 495 are
# in at least one of 64 images drawn at random, 557 in one of 256.) `--spread` makes any pixel
# bright, so that no block has a dark one.

# %%
import argparse
import os
import platform
import resource
import time
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from machine import product_rate
from online_rivals import available, numba_loop, numpy_loop, torch_loop
from rows import add_row

import fatheory as fa
from fatheory.initial import Samples, draw_initial_state
from fatheory.reproduction import script_arguments
from fatheory.train.ensemble import Batches
from fatheory.train.group import Group

SIZES = (784, 1000, 10)
LIT = 560
"""Pixels that are ever bright."""
BRIGHT = 0.19
"""Share of all pixels that are bright in an image."""
REPEATS = 5


def experiment(seeds: int, images: Samples, batch: int) -> fa.Experiment:
    """Return the network of Fig. 3a on images, learned from once."""
    preset = fa.presets["lillicrap2016/fig3ab"]
    return preset.replaced(
        name="",
        task=fa.ArrayTask(inputs=images.inputs, targets=images.targets),
        rules={"feedback_alignment": dict(preset.rules)["feedback_alignment"]},
        schedule=fa.Schedule(phases=(fa.Phase(steps=len(images) // batch),), batch_size=batch),
        record=fa.Record(snapshots=2),
        seeds=seeds,
    )


def random_images(count: int, lit: int = LIT) -> Samples:
    """Return inputs of which a fifth is bright, all among some pixels, and one-hot targets."""
    rng = np.random.default_rng(0)
    bright = rng.random((count, SIZES[0])) < BRIGHT * SIZES[0] / lit
    bright &= np.isin(np.arange(SIZES[0]), rng.permutation(SIZES[0])[:lit])
    inputs = bright * rng.uniform(1 / 256, 1, bright.shape)
    targets = np.eye(SIZES[-1])[rng.integers(0, SIZES[-1], count)]
    return Samples(inputs.astype(np.float32), targets.astype(np.float32))


# %%
def trained(asked: fa.Experiment, images: Samples) -> tuple[float, np.ndarray]:
    """Advance the package's groups; return the best seconds, and W_2 after the first round."""
    batch, steps = asked.schedule.batch_size, asked.schedule.steps
    order = np.arange(len(images)).reshape(1, steps, batch)
    batches = Batches(
        jnp.asarray(images.inputs),
        jnp.asarray(images.targets),
        jnp.asarray(np.broadcast_to(order, (len(asked.seeds), steps, batch)), jnp.int32),
    )
    starts = [draw_initial_state(asked, seed) for seed in asked.seeds]
    groups = Group.all_of(asked, starts)
    seconds, first = [], None
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        for group in groups:
            group.advance(batches, 0, 0, 0, steps)
        for group in groups:
            group.wait()
        seconds.append(time.perf_counter() - began)
        if first is None:
            first = np.asarray(groups[0].ensemble.parameters.weights[1][0, 0])
    return min(seconds[1:]), first


# %%
def operations_per_image() -> int:
    """Count the operations of the products: forward, weight changes, and back through B."""
    n_i, n_h, n_o = SIZES
    return 2 * (2 * n_i * n_h + 3 * n_h * n_o)


def online(seeds: int, images: Samples) -> None:
    """Print microseconds per image and network, and how many times faster blocks are."""
    count = len(images)
    few = Samples(images.inputs[: count // 8], images.targets[: count // 8])
    peak, measured = product_rate(), {}
    for n in (1, seeds):
        measured[f"blocks, {plural(n)}"] = (n * count, *trained(experiment(n, images, 1), images))
        peak = max(peak, product_rate())
        with mock.patch("fatheory.train.device.block_length", return_value=0):
            found = trained(experiment(n, few, 1), few)
        measured[f"JAX, one image at a time, {plural(n)}"] = (n * len(few), *found)
    loops = {"NumPy loop": numpy_loop}
    if available("torch"):
        loops["PyTorch"] = torch_loop
    for name, loop in loops.items():
        measured[f"{name}, one network"] = (len(few), *loop(experiment(1, few, 1), few))
    if available("numba"):
        best = min((numba_loop(experiment(1, few, 1), few) for _ in range(REPEATS)), key=_seconds)
        measured["Numba loop, one network a core"] = (len(few), *best)
    else:
        print("Numba is not installed: no loop that skips dark pixels")
    blocks = trained(experiment(1, few, 1), few)[1]
    each = {name: 1e6 * seconds / work for name, (work, seconds, _) in measured.items()}
    print(f"{'online':36} {'us an image':>11} {'images/s':>9}   blocks are faster by (1, {seeds})")
    for name, (_, _, W) in measured.items():
        ratios = ", ".join(f"{each[name] / each[f'blocks, {plural(n)}']:.1f}" for n in (1, seeds))
        if not name.startswith("blocks"):
            for n in (1, seeds):
                ratio = each[name] / each[f"blocks, {plural(n)}"]
                add_row(f"online, blocks of {plural(n)} over {name}", ratio)
        same = "" if name.startswith("blocks") else f"   (W differs by {apart(W, blocks):.0e})"
        print(f"{name:36} {each[name]:11.1f} {1e6 / each[name]:9.0f}   {ratios}{same}")
    least = 1e6 * operations_per_image() / peak
    print(f"largest product: {peak / 1e9:.0f} GFLOP/s, {least:.1f} us an image")
    for n in (1, seeds):
        share = least / each[f"blocks, {plural(n)}"]
        print(f"blocks, {plural(n)}: {100 * share:.0f} % of the largest product")
        add_row(f"online, {plural(n)}, of the largest product", 100 * share, "%")


def _seconds(timed: tuple[float, np.ndarray]) -> float:
    return timed[0]


def plural(seeds: int) -> str:
    """Say how many networks train at once."""
    return "1 network" if seeds == 1 else f"{seeds} networks"


def apart(W: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest difference relative to the largest weight."""
    return float(np.abs(W - reference).max() / np.abs(reference).max())


def mini_batches(seeds: int, images: Samples, batch: int = 100) -> None:
    """Print the fraction of the machine's product rate that training reaches."""
    count = len(images) - len(images) % batch
    images = Samples(images.inputs[:count], images.targets[:count])
    peak = product_rate()
    print(f"\nlargest product: {peak / 1e9:.0f} GFLOP/s")
    for n in (1, seeds):
        seconds, _ = trained(experiment(n, images, batch), images)
        rate = n * count * operations_per_image() / seconds
        # Again, in case the machine's speed has changed.
        peak = max(peak, product_rate())
        add_row(f"batches of {batch}, {plural(n)}, of the largest product", 100 * rate / peak, "%")
        print(
            f"batches of {batch}, {n} seed{'s' * (n > 1)}: {1e6 * seconds / n / count:.1f} us an "
            f"image, {rate / 1e9:.0f} GFLOP/s, {100 * rate / peak:.0f} % of the largest product"
        )


# %%
def main() -> None:
    """Time everything in one run."""
    parser = argparse.ArgumentParser(description="Online and mini-batch learning of MNIST's size.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--images", type=int, default=8192)
    parser.add_argument("--spread", action="store_true", help="any pixel may be bright")
    arguments = script_arguments(parser)
    device = jax.devices()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, JAX on {device.device_kind}, float32")
    images = random_images(arguments.images, SIZES[0] if arguments.spread else LIT)
    online(arguments.seeds, images)
    mini_batches(arguments.seeds, images)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
