# %% [markdown]
# # How fast convolutional networks learn, under every rule
#
# The network of experiment A of Liao, Leibo & Poggio 2016 (5 x 5 kernels of 32, 32 and 64 channels,
# 64 hidden units, images of 32 x 32 x 3; batches of 100, momentum, weight decay), in one run:
# every rule of the package against plain backprop of the same network in the package; rules and
# seeds in one compiled program; and PyTorch's plain backprop, where it is installed. All start
# from the same weights and see the same images, and both backprops must end at the same ones.
#
#     python analyses/benchmarks/conv.py [--batches 10] [--seeds 2] [--normalize]
#
# Images are random numbers: the arithmetic is the same, and no data set is needed.

# %%
import argparse
import importlib.util
import platform
import resource
import time
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from rows import add_row

import fatheory as fa
from fatheory.initial import Samples, draw_initial_state
from fatheory.reproduction import script_arguments
from fatheory.train.ensemble import Batches
from fatheory.train.group import Group

RULES = ("backprop", "feedback_alignment", "rndf", "usf", "frsf", "brsf", "kolen_pollack")
RATE = 1e-4
"""Small, so that no rule diverges: infinite numbers are slower or faster than others."""
REPEATS = 4


def experiment(rules: list[str], seeds: int, batches: int, normalize: bool) -> fa.Experiment:
    """Return the network of the table with other rules, for so many updates."""
    preset = fa.presets["liao2016/table_a"]
    plain = {} if normalize else {"normalization": None}
    network = preset.network.replaced(biases=None, **plain)
    return preset.replaced(
        name="",
        network=network,
        rules=dict.fromkeys(rules, RATE),
        schedule=fa.Schedule(phases=(fa.Phase(steps=batches),), batch_size=100),
        update=preset.update.replaced(manhattan=0),
        record=fa.Record(quantities=(), snapshots=2),
        seeds=seeds,
    )


def random_images(count: int) -> Samples:
    """Return images of random pixels, of random classes."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((count, 32 * 32 * 3)).astype(np.float32)
    return Samples(inputs, np.eye(10, dtype=np.float32)[rng.integers(0, 10, count)])


# %%
def trained(asked: fa.Experiment, images: Samples) -> tuple[float, np.ndarray]:
    """Advance the package's groups; return the best seconds, and the first run's W_L after one."""
    steps, seeds = asked.schedule.steps, len(asked.seeds)
    order = np.arange(len(images)).reshape(1, steps, -1)
    batches = Batches(
        jnp.asarray(images.inputs),
        jnp.asarray(images.targets),
        jnp.asarray(np.broadcast_to(order, (seeds, *order.shape[1:])), jnp.int32),
    )
    (group,) = Group.all_of(asked, [start_of(asked, seed, images) for seed in asked.seeds])
    seconds, first = [], None
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        group.advance(batches, 0, 0, 0, steps)
        group.wait()
        seconds.append(time.perf_counter() - began)
        if first is None:
            first = np.asarray(group.ensemble.parameters.weights[-1][0, 0])
    return min(seconds[1:]), first


def start_of(asked: fa.Experiment, seed: int, images: Samples):
    """Draw a start without reading the image set."""
    few = images.first(1)
    with mock.patch(
        "fatheory.initial.initial_state.stored_samples", return_value=(images, few, few)
    ):
        return draw_initial_state(asked, seed)


# %%
def torch_loop(asked: fa.Experiment, images: Samples) -> tuple[float, np.ndarray]:
    """Train the first seed by PyTorch's own layers and optimiser; return as `trained` does."""
    import torch

    net = torch_network(asked, start_of(asked, asked.seeds[0], images).weights)
    update = torch.optim.SGD(net.parameters(), RATE, momentum=0.9, weight_decay=5e-4)
    pictures = images.inputs.reshape(-1, 100, 32, 32, 3).transpose(0, 1, 4, 2, 3)
    x = torch.from_numpy(np.ascontiguousarray(pictures))
    target = torch.from_numpy(images.targets).reshape(-1, 100, 10)
    seconds, first = [], np.empty(0)
    for i in range(REPEATS + 1):
        began = time.perf_counter()
        for one, wanted in zip(x, target, strict=True):
            update.zero_grad()
            torch.nn.functional.cross_entropy(net(one), wanted).backward()
            update.step()
        seconds.append(time.perf_counter() - began)
        if i == 0:
            first = net[-1].weight.detach().numpy().copy()
    return min(seconds[1:]), first


def torch_network(asked: fa.Experiment, weights: tuple[np.ndarray, ...]):
    """Build the network in PyTorch, without biases, from the package's start weights."""
    from torch import nn

    layers: list[nn.Module] = []
    normalized = asked.network.normalization is not None
    for W, block in zip(weights, asked.network.blocks, strict=False):
        # A window that runs over the edge counts the pixels that are there, as in the package.
        pool = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}[block.pool.kind]
        layers.append(holding(nn.Conv2d(W.shape[1], W.shape[0], 5, padding=2, bias=False), W))
        layers += [nn.BatchNorm2d(W.shape[0], affine=False)] if normalized else []
        layers += [nn.ReLU(), pool(3, 2, ceil_mode=True)]
    rows, columns, channels = asked.activity_shapes[2]
    flat = weights[3].reshape(-1, rows, columns, channels).transpose(0, 3, 1, 2)
    hidden = flat.reshape(len(flat), -1)
    layers += [nn.Flatten(), holding(nn.Linear(*hidden.shape[::-1], bias=False), hidden)]
    layers += [nn.BatchNorm1d(len(hidden), affine=False)] if normalized else []
    output = holding(nn.Linear(*weights[4].shape[::-1], bias=False), weights[4])
    return nn.Sequential(*layers, nn.ReLU(), output)


def holding(layer, W: np.ndarray):
    """Return the layer with these weights."""
    import torch

    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(W.astype(np.float32)))
    return layer


# %%
def main() -> None:
    """Time everything in one run."""
    parser = argparse.ArgumentParser(description="Learning of convolutional networks.")
    parser.add_argument("--batches", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--normalize", action="store_true")
    options = script_arguments(parser)
    images = random_images(100 * options.batches)

    def asked(rules: list[str], seeds: int = 1) -> fa.Experiment:
        return experiment(rules, seeds, options.batches, options.normalize)

    device = jax.devices()[0]
    print(f"{platform.machine()}, JAX on {device.device_kind}, float32, batches of 100")
    measured = {rule: (len(images), *trained(asked([rule]), images)) for rule in RULES}
    together = [rule for rule in RULES if rule != "kolen_pollack"]
    runs = len(together) * options.seeds
    name = f"{len(together)} rules x {options.seeds} seeds, one program"
    measured[name] = (runs * len(images), *trained(asked(together, options.seeds), images))
    if importlib.util.find_spec("torch"):
        measured["PyTorch, backprop"] = (len(images), *torch_loop(asked(["backprop"]), images))
    report(measured)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


def report(measured: dict[str, tuple[int, float, np.ndarray]]) -> None:
    """Print images per second, and their ratio to backprop's in the package."""
    each = {name: work / seconds for name, (work, seconds, _) in measured.items()}
    print(f"{'':40} {'images/s':>9} {'of backprop':>12}")
    for name, speed in each.items():
        add_row(f"images per second, {name}, over backprop", speed / each["backprop"])
        print(f"{name:40} {speed:9.0f} {speed / each['backprop']:12.2f}")
    if "PyTorch, backprop" in measured:
        ours, theirs = measured["backprop"][2], measured["PyTorch, backprop"][2]
        apart = np.abs(ours - theirs).max() / np.abs(ours).max()
        ratio = each["backprop"] / each["PyTorch, backprop"]
        add_row("images per second, backprop, over PyTorch", ratio)
        print(f"backprop: {ratio:.2f} of PyTorch's speed; W_L differs by {apart:.0e} at most")


if __name__ == "__main__":
    main()
