# %% [markdown]
# # How fast MNIST is learned, one image at a time and in mini-batches
#
# The network of Fig. 3a (784-1000-10, sigmoid units, biases, weight decay; feedback alignment).
#
# Online: the package's blocks of examples against (a) the same model in JAX one example at a time,
# (b) a plain NumPy loop and (c) PyTorch, where it is installed. All start from the same draws, see
# the same images and must end at the same weights. JAX trains one network, or the 20 of the figure
# at once, each way; the loops train one.
#
# Mini-batches of 100: the floating-point operations of the products that the updates need, per
# second, as a fraction of what this machine reaches on one large product of square matrices.
#
#     python analyses/benchmarks/online_mnist.py [--seeds 20] [--images 8192]
#
# Images are random numbers of MNIST's size: the arithmetic is the same, and no data set is needed.

# %%
import argparse
import importlib.util
import os
import platform
import resource
import time
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

import fatheory as fa
from fatheory.initial import Samples, draw_initial_state
from fatheory.reproduction import script_arguments
from fatheory.train.ensemble import Batches
from fatheory.train.group import Group

SIZES = (784, 1000, 10)
DECAY = 1e-6
REPEATS = 5


def experiment(seeds: int, images: int, batch: int) -> fa.Experiment:
    """Return the network of Fig. 3a on a task of its sizes whose examples are never drawn."""
    preset = fa.presets["lillicrap2016/fig3ab"]
    return preset.replaced(
        name="",
        task=fa.LinearTask(inputs=SIZES[0], outputs=SIZES[-1]),
        rules={"feedback_alignment": dict(preset.rules)["feedback_alignment"]},
        schedule=fa.Schedule(phases=(fa.Phase(steps=images // batch),), batch_size=batch),
        record=fa.Record(snapshots=2),
        seeds=seeds,
    )


def random_images(count: int) -> Samples:
    """Return inputs of which a fifth is bright, as of MNIST, and one-hot targets."""
    rng = np.random.default_rng(0)
    inputs = rng.random((count, SIZES[0])) * (rng.random((count, SIZES[0])) < 0.2)
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


def numpy_loop(asked: fa.Experiment, images: Samples) -> tuple[float, np.ndarray]:
    """Train the first seed as one would write it down."""
    start, rate = draw_initial_state(asked, asked.seeds[0]), np.float32(asked.learning_rates[0])
    W0, W = (weights.astype(np.float32) for weights in start.weights)
    b0, b = (biases.astype(np.float32) for biases in start.biases)
    B = start.states["feedback_alignment"][1].T.astype(np.float32)
    decay = np.float32(rate * DECAY)
    began = time.perf_counter()
    for x, target in zip(images.inputs, images.targets, strict=True):
        h = expit(W0 @ x + b0)
        y = expit(W @ h + b)
        d = (target - y) * y * (1 - y)
        delta = (B @ d) * h * (1 - h)
        W += rate * np.outer(d, h) - decay * W
        b += rate * d
        W0 += rate * np.outer(delta, x) - decay * W0
        b0 += rate * delta
    return time.perf_counter() - began, W


def torch_loop(asked: fa.Experiment, images: Samples) -> tuple[float, np.ndarray]:
    """Train the first seed in PyTorch, with updates in place and without recording gradients."""
    import torch

    start, rate = draw_initial_state(asked, asked.seeds[0]), asked.learning_rates[0]
    W0, W = (torch.tensor(weights, dtype=torch.float32) for weights in start.weights)
    b0, b = (torch.tensor(biases, dtype=torch.float32) for biases in start.biases)
    B = torch.tensor(start.states["feedback_alignment"][1].T, dtype=torch.float32)
    inputs, targets = torch.from_numpy(images.inputs), torch.from_numpy(images.targets)
    keep = 1 - rate * DECAY
    with torch.no_grad():
        began = time.perf_counter()
        for x, target in zip(inputs, targets, strict=True):
            h = torch.sigmoid(torch.addmv(b0, W0, x))
            y = torch.sigmoid(torch.addmv(b, W, h))
            d = (target - y) * y * (1 - y)
            delta = (B @ d) * h * (1 - h)
            W.addr_(d, h, beta=keep, alpha=rate)
            b.add_(d, alpha=rate)
            W0.addr_(delta, x, beta=keep, alpha=rate)
            b0.add_(delta, alpha=rate)
        return time.perf_counter() - began, W.numpy()


# %%
def product_rate(size: int = 2048) -> float:
    """Return the machine's single-precision operations per second on one square product."""
    A = jnp.asarray(np.random.default_rng(0).standard_normal((size, size)), jnp.float32)
    product = jax.jit(jnp.matmul)
    product(A, A).block_until_ready()
    seconds = []
    for _ in range(4 * REPEATS):
        began = time.perf_counter()
        product(A, A).block_until_ready()
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / min(seconds)


def operations_per_image() -> int:
    """Count the operations of the products: forward, weight changes, and back through B."""
    n_i, n_h, n_o = SIZES
    return 2 * (2 * n_i * n_h + 3 * n_h * n_o)


def online(seeds: int, count: int) -> None:
    """Print microseconds per image and network, and how many times faster blocks are."""
    images = random_images(count)
    few = Samples(images.inputs[: count // 8], images.targets[: count // 8])
    measured = {}
    for n in (1, seeds):
        measured[f"blocks, {plural(n)}"] = (n * count, *trained(experiment(n, count, 1), images))
        with mock.patch("fatheory.train.device.block_length", return_value=0):
            found = trained(experiment(n, len(few), 1), few)
        measured[f"JAX, one image at a time, {plural(n)}"] = (n * len(few), *found)
    loops = {"NumPy loop": numpy_loop}
    if importlib.util.find_spec("torch"):
        loops["PyTorch"] = torch_loop
    for name, loop in loops.items():
        measured[f"{name}, one network"] = (len(few), *loop(experiment(1, len(few), 1), few))
    blocks = trained(experiment(1, len(few), 1), few)[1]
    each = {name: 1e6 * seconds / work for name, (work, seconds, _) in measured.items()}
    print(f"{'online':36} {'us an image':>11} {'images/s':>9}   blocks are faster by (1, {seeds})")
    for name, (_, _, W) in measured.items():
        ratios = ", ".join(f"{each[name] / each[f'blocks, {plural(n)}']:.1f}" for n in (1, seeds))
        same = "" if name.startswith("blocks") else f"   (W differs by {apart(W, blocks):.0e})"
        print(f"{name:36} {each[name]:11.1f} {1e6 / each[name]:9.0f}   {ratios}{same}")


def plural(seeds: int) -> str:
    """Say how many networks train at once."""
    return "1 network" if seeds == 1 else f"{seeds} networks"


def apart(W: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest difference relative to the largest weight."""
    return float(np.abs(W - reference).max() / np.abs(reference).max())


def mini_batches(seeds: int, count: int, batch: int = 100) -> None:
    """Print the fraction of the machine's product rate that training reaches."""
    count -= count % batch
    images = random_images(count)
    peak = product_rate()
    print(f"\nlargest product: {peak / 1e9:.0f} GFLOP/s")
    for n in (1, seeds):
        seconds, _ = trained(experiment(n, count, batch), images)
        rate = n * count * operations_per_image() / seconds
        # Again, in case the machine's speed has changed.
        peak = max(peak, product_rate())
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
    arguments = script_arguments(parser)
    device = jax.devices()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, JAX on {device.device_kind}, float32")
    online(arguments.seeds, arguments.images)
    mini_batches(arguments.seeds, arguments.images)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
