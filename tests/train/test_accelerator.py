"""On an accelerator: the numbers of a CPU, seeds parted over devices, and the memory foretold."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import MemoryEstimateError
from fatheory.train.memory import available_memory, estimate_memory

pytestmark = pytest.mark.gpu

DIGITS = {"kind": "images", "dataset": "synthetic-digits", "evaluation_limit": 40}
CASES = {
    "dense": {
        "task": {"kind": "linear", "inputs": 12, "outputs": 4},
        "network": {"hidden": [9, 7], "activation": "tanh"},
        "rules": {"feedback_alignment": 0.02, "backprop": 0.02, "direct_feedback_alignment": 0.02},
    },
    "block by block": {
        "task": {"kind": "linear", "inputs": 150, "outputs": 4},
        "network": {"hidden": [20]},
        "rules": {"feedback_alignment": 0.002, "backprop": 0.002},
    },
    "convolutional": {
        "task": DIGITS,
        "network": {
            "kind": "convolutional",
            "blocks": [{"channels": 3, "kernel": 3, "pool": {"size": 2, "stride": 2}}],
            "hidden": [8],
        },
        "rules": {"feedback_alignment": 0.02, "usf": 0.002},
    },
    "decompositions": {
        "task": {"kind": "linear", "inputs": 6, "outputs": 4},
        "network": {"hidden": [5]},
        "rules": {"pseudobackprop": 0.02},
        "record": {"quantities": ["weights", "effective_rank", "pseudoinverse_alignment"]},
    },
    "spiking, without noise": {
        "task": DIGITS,
        "network": {"kind": "spiking", "hidden": [8], "group": 2, "spikes": "expected"},
        "rules": {"feedback_alignment": 0.01},
    },
}
TOLERANCE = {"float32": 2e-4, "float64": 1e-9}
"""Of the largest entry. Products are summed in another order, at full precision on either side."""

ON_A_CPU = """
import sys
from pathlib import Path
import fatheory as fa
text, path = Path(sys.argv[1]).read_text(), sys.argv[2]
fa.simulate(fa.Experiment.from_json(text), path=path, progress=False)
"""


@pytest.fixture(autouse=True)
def accelerator():
    if jax.default_backend() == "cpu":
        pytest.skip("JAX finds no accelerator, only CPUs")


def described(case, precision="float64", seeds=3, steps=40):
    defaults = {"schedule": {"phases": [{"steps": steps}]}, "record": {"snapshots": 3}}
    return fa.Experiment(**(defaults | CASES[case]), seeds=seeds, precision=precision)


def on_a_cpu(experiment, folder):
    """Run an experiment in a process that sees no accelerator."""
    asked, path = folder / "experiment.json", folder / "run.zarr"
    asked.write_text(experiment.to_json())
    command = [sys.executable, "-c", ON_A_CPU, str(asked), str(path)]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return fa.load(path)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_numbers_are_those_of_a_cpu(case, precision, tmp_path):
    experiment = described(case, precision)
    here, there = fa.simulate(experiment, progress=False), on_a_cpu(experiment, tmp_path)
    assert there.attrs["device"].startswith("cpu")
    assert not here.attrs["device"].startswith("cpu")
    assert set(here.variables) == set(there.variables)
    for name in here.data_vars:
        expected = there[name].values
        if not np.issubdtype(expected.dtype, np.floating):
            np.testing.assert_array_equal(here[name], expected)
            continue
        scale = np.nanmax(np.abs(expected), initial=0.0)
        np.testing.assert_allclose(
            here[name], expected, rtol=0, atol=TOLERANCE[precision] * scale, err_msg=str(name)
        )


def test_twice_is_bit_identical():
    experiment = described("dense", "float32")
    one, other = (fa.simulate(experiment, progress=False) for _ in range(2))
    for name in one.variables:
        np.testing.assert_array_equal(one[name], other[name])


def test_seeds_are_parted_over_devices_and_learn_as_alone():
    if len(jax.local_devices()) < 2:
        pytest.skip("seeds are parted over two accelerators or more; there is one")
    experiment = described("dense", seeds=2 * len(jax.local_devices()))
    together = fa.simulate(experiment, progress=False)
    for seed in experiment.seeds:
        alone = fa.simulate(experiment.replaced(seeds=(seed,)), progress=False)
        found = together.sel(seed=[seed])
        np.testing.assert_allclose(found.weight_1, alone.weight_1, rtol=0, atol=1e-12)


def test_memory_is_within_its_estimate():
    experiment = fa.Experiment(
        task={"kind": "linear", "inputs": 2000, "outputs": 100, "samples": 4000},
        network={"hidden": [2000]},
        rules={"feedback_alignment": 1e-5, "backprop": 1e-5},
        schedule={"phases": [{"steps": 20}], "batch_size": 100},
        record={"snapshots": 2, "quantities": ["weight_angle"]},
        seeds=4,
    )
    device = jax.local_devices()[0]
    before = (device.memory_stats() or {}).get("peak_bytes_in_use")
    if before is None:
        pytest.skip("this device does not tell how much memory is in use")
    fa.simulate(experiment, progress=False)
    peak = device.memory_stats()["peak_bytes_in_use"]
    # Compiled programs and libraries take some 0.3 GB that no array accounts for.
    assert peak <= max(before, sum(estimate_memory(experiment).values())) + 3e8


def test_what_does_not_fit_is_refused_before_anything_is_drawn():
    available = available_memory()
    if available is None:
        pytest.skip("this device does not tell how much memory it has")
    width = int((available / 8) ** 0.5) + 1  # of a square matrix that fills it in float32, twice
    experiment = fa.Experiment(
        task={"kind": "linear", "inputs": width, "outputs": 2},
        network={"hidden": [width]},
        rules={"backprop": 1e-5},
        schedule={"phases": [{"steps": 2}]},
    )
    with pytest.raises(MemoryEstimateError):
        fa.simulate(experiment, progress=False)
