# %% [markdown]
# # How fast spiking networks learn
#
# Every neuron integrates, spikes and learns in every time step, one image at a time, as in Fig. 4
# of Lillicrap et al. 2016. In one run: the package, which changes weights once a block of time
# steps, exactly; the package step by step, which reads and writes every weight in every step; and
# a plain NumPy loop, which is given its random numbers, so that all three spike alike and must end
# at the same weights. Then the network of the paper, beside the machine's copy bandwidth.
#
#     python analyses/benchmarks/spiking.py [--width 300] [--images 200] [--paper-images 30]
#
# Images are random numbers: the arithmetic is the same, and no data set is needed.

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
from machine import copy_bandwidth
from rows import add_row
from scipy.special import expit

import fatheory as fa
from fatheory.initial import InitialState, Samples, draw_initial_state
from fatheory.reproduction import script_arguments
from fatheory.train.device import spiking_block_length
from fatheory.train.ensemble import Batches
from fatheory.train.group import Group
from fatheory.train.programs.spiking import moment_key

RULES = ("feedback_alignment", "backprop")
REPEATS = 4
CLASSES = 10


def experiment(rule: str, width: int, group: int, images: int, streams: int = 1) -> fa.Experiment:
    """Return the network of Fig. 4 at another size, for so many images."""
    preset = fa.presets["lillicrap2016/fig4"]
    return preset.replaced(
        name="",
        network=preset.network.replaced(hidden=(width,) * 3, group=group),
        rules={rule: dict(preset.rules)[rule]},
        schedule=fa.Schedule(phases=(fa.Phase(steps=images // streams),), batch_size=streams),
        record=fa.Record(quantities=(), snapshots=2),
    )


def random_images(count: int) -> Samples:
    """Return inputs of which a fifth is bright, as of MNIST, and one-hot targets."""
    rng = np.random.default_rng(0)
    inputs = rng.random((count, 784)) * (rng.random((count, 784)) < 0.2)
    targets = np.eye(CLASSES)[rng.integers(0, CLASSES, count)]
    return Samples(inputs.astype(np.float32), targets.astype(np.float32))


def start_of(asked: fa.Experiment, images: Samples) -> InitialState:
    """Draw a start without reading the image set."""
    few = images.first(1)
    with mock.patch(
        "fatheory.initial.initial_state.stored_samples", return_value=(images, few, few)
    ):
        return draw_initial_state(asked, 0)


# %%
def trained(
    asked: fa.Experiment, images: Samples, block: int | None = None
) -> tuple[float, np.ndarray]:
    """Advance the package's group; return the best seconds a time step, and W_2 after a round."""
    (group,) = Group.all_of(asked, [start_of(asked, images)])
    if block:
        group._spec = group._spec._replace(block=block)
    steps, streams = asked.schedule.steps, asked.schedule.batch_size
    order = jnp.arange(steps * streams, dtype=jnp.int32).reshape(1, steps, streams)
    batches = Batches(jnp.asarray(images.inputs), jnp.asarray(images.targets), order)
    seconds, first = [], np.empty(0)
    for i in range(REPEATS + 1):
        began = time.perf_counter()
        group.advance(batches, 0, 0, 0, steps)
        group.wait()
        seconds.append(time.perf_counter() - began)
        if i == 0:
            first = np.asarray(group.ensemble.parameters.weights[1][0, 0])
    return min(seconds[1:]) / (steps * asked.network.steps_per_image), first


def numpy_loop(asked: fa.Experiment, images: Samples) -> tuple[float, np.ndarray]:
    """Live and learn as one would write it down, but for the random numbers, drawn before."""
    start, network, (rule,) = start_of(asked, images), asked.network, asked.rule_labels
    W = [weights.astype(np.float32) for weights in start.weights]
    b = [biases.astype(np.float32) for biases in start.biases]
    B = [None if s is None else s.astype(np.float32) for s in start.states[rule]]
    eta, tau = np.float32(asked.learning_rates[0]), np.float32(network.leak)
    keep = np.float32(1 - eta * asked.update.weight_decay)
    v, u = ([np.zeros(len(one), np.float32) for one in W] for _ in range(2))
    sizes = np.cumsum([784, *(len(one) for one in W)])
    numbers = uniforms(asked, len(images), int(sizes[-1]))
    began = time.perf_counter()
    for t, drawn in enumerate(numbers):
        image = t // network.steps_per_image
        uniform = np.split(drawn, sizes[:-1])
        s = [(uniform[0] < np.minimum(images.inputs[image], network.ceiling)).astype(np.float32)]
        for i in range(len(W)):
            v[i] = (1 - tau) * v[i] + W[i] @ s[i] + b[i]
            s.append((uniform[i + 1] < expit(v[i])).astype(np.float32))
        u[-1] = np.repeat(images.targets[image], network.group) - s[-1]
        for i in range(len(W) - 2, -1, -1):
            V = W[i + 1] if rule == "backprop" else B[i + 1]
            u[i] = (1 - tau) * u[i] + (2 * expit(u[i + 1]) - 1) @ V
        for i in range(len(W)):
            p = expit(v[i])
            d = eta * (2 * expit(u[i]) - 1) * p * (1 - p)
            W[i] *= keep
            W[i] += np.outer(d, s[i])
            b[i] = keep * b[i] + d
    return (time.perf_counter() - began) / len(numbers), W[1]


def uniforms(asked: fa.Experiment, images: int, size: int) -> np.ndarray:
    """Draw what decides on spikes in every time step, as the package does."""
    place, step = np.arange(asked.network.steps_per_image), np.arange(images)
    keys = jax.vmap(lambda n, t: moment_key(asked.root_seed, jnp.uint32(0), n, t))(
        *map(jnp.asarray, (np.repeat(step, len(place)), np.tile(place, images)))
    )
    return np.asarray(jax.vmap(lambda key: jax.random.uniform(key, (size,)))(keys))


# %%
def compare(width: int, count: int) -> None:
    """Print microseconds a time step of the package and of the loop."""
    images = random_images(count)
    few = images.first(max(10, count // 4))
    group = max(1, width // CLASSES)
    for rule in RULES:
        asked = experiment(rule, width, group, count)
        short = experiment(rule, width, group, len(few))
        rows = {
            "blocks": trained(asked, images),
            "step by step": trained(short, few, block=1),
            "NumPy loop": numpy_loop(short, few),
        }
        same = trained(short, few)[1]
        print(f"\n{rule}, three hidden layers of {width}, one image at a time")
        for name, (seconds, W) in rows.items():
            ratio = seconds / rows["blocks"][0]
            if name != "blocks":
                add_row(f"{rule}, width {width}, blocks over {name}", ratio)
            apart = "" if name == "blocks" else f"   W_2 differs by {difference(W, same):.0e}"
            print(f"  {name:14} {1e6 * seconds:8.0f} us a time step {ratio:7.1f} times{apart}")
        streams = trained(experiment(rule, width, group, count, streams=10), images)[0] / 10
        add_row(f"{rule}, width {width}, 10 streams over one", rows["blocks"][0] / streams)
        print(f"  10 streams     {1e6 * streams:8.0f} us a time step and stream")


def difference(W: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest difference relative to the largest weight."""
    return float(np.abs(W - reference).max() / np.abs(reference).max())


def bytes_per_step(asked: fa.Experiment, block: int) -> float:
    """Count the bytes of weights that pass in a time step, in single precision.

    Forward weights above the first layer and feedback weights are read in every step; once a block
    all forward weights are read, transposed (read and written) and changed (read and written), and
    the first layer's are read for its products.
    """
    sizes = [n * m for n, m in asked.weight_shapes]
    reverse = sum(sizes[1:])
    return 4 * (sum(sizes[1:]) + reverse + (4 * sum(sizes) + sizes[0]) / block)


def paper_size(count: int) -> None:
    """Print what the network of the paper reaches."""
    images, bandwidth = random_images(count), copy_bandwidth()
    asked = experiment("feedback_alignment", 1500, 100, count)
    (group,) = Group.all_of(asked, [start_of(asked, images)])
    block = spiking_block_length(group._learner, 1)
    seconds, _ = trained(asked, images)
    rate = bytes_per_step(asked, block) / seconds
    add_row("the paper's network, of the copy bandwidth", 100 * rate / bandwidth, "%")
    epoch = seconds * 5 * 60_000 / 60
    print(
        f"\n784-1500-1500-1500-1000, feedback alignment: {1e3 * seconds:.2f} ms a time step, "
        f"{epoch:.0f} min an epoch of MNIST\n"
        f"weights move at {rate / 1e9:.1f} GB/s, {100 * rate / bandwidth:.0f} % of the copy "
        f"bandwidth of {bandwidth / 1e9:.1f} GB/s"
    )


# %%
def main() -> None:
    """Time everything in one run."""
    parser = argparse.ArgumentParser(description="Learning of spiking networks.")
    parser.add_argument("--width", type=int, default=300)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--paper-images", type=int, default=30)
    options = script_arguments(parser)
    device = jax.devices()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, JAX on {device.device_kind}, float32")
    compare(options.width, options.images)
    if options.paper_images:
        paper_size(options.paper_images)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
