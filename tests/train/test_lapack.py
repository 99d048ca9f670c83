"""Compiled programs call LAPACK on one matrix at a time, which cannot block XLA's threads."""

import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fatheory as fa
from fatheory.arrays import matrix_by_matrix
from fatheory.geometry import pseudoinverse
from fatheory.quantities import find_quantities
from fatheory.rules import known_rules
from fatheory.train.compiled_view import Known
from fatheory.train.loader import Loader
from fatheory.train.many import start_run
from fatheory.train.observe import observe
from fatheory.train.programs.step_by_step import StepRange, advance

RULES = [name for name in known_rules() if name != "node_perturbation"]
RECORDED = ("teaching_signals", "weight_angle", "pseudobackprop_angles", "pseudoinverse_alignment")


def ranks_of_lapack_calls(program: str) -> list[int]:
    """Return the number of axes of the first operand of every call of LAPACK."""
    calls = re.findall(r"custom_call @lapack_\w+\(.*?: \((tensor<[^>]*>)", program)
    return [call.count("x") for call in calls]


def asked(rules, hidden=(5, 4)):
    return fa.Experiment(
        task=fa.LinearTask(inputs=6, outputs=3),
        network={"hidden": hidden},
        rules=dict.fromkeys(rules, 0.001),
        schedule={"phases": [{"steps": 5}], "batch_size": 2},
        record={"quantities": RECORDED, "snapshots": 2},
        seeds=3,
    )


def test_programs_of_all_rules_and_quantities_see_single_matrices():
    experiment = asked(RULES)
    run = start_run([experiment])
    batches, _ = Loader(experiment, run.starts).block(0)
    zero, one = jnp.asarray(0), jnp.asarray(1)
    probe = tuple(
        jnp.asarray(np.stack([getattr(start.probe, part) for start in run.starts]), jnp.float32)
        for part in ("inputs", "targets")
    )
    seen = []
    for group in run._groups:
        steps = StepRange(jnp.ones(3, bool), zero, zero, one)
        steps = advance.lower(
            group.ensemble, group._constants, batches, steps, spec=group._spec
        ).as_text()
        measured = observe.lower(
            group.ensemble.parameters,
            group._constants,
            Known(),
            probe,
            zero,
            learner=group._learner,
            quantities=find_quantities(RECORDED),
            receptive_units=1,
        ).as_text()
        seen += ranks_of_lapack_calls(steps) + ranks_of_lapack_calls(measured)
    assert len(seen) > 4
    assert set(seen) == {2}


def test_what_is_searched_for_is_found():
    """Of a batch the calls are found as such."""
    batch = jnp.ones((3, 4, 5))
    found = jax.jit(jnp.linalg.pinv).lower(batch).as_text()
    assert ranks_of_lapack_calls(found) == [3]
    found = jax.jit(pseudoinverse).lower(batch).as_text()
    assert ranks_of_lapack_calls(found) == [2]


@pytest.mark.parametrize("shape", [(4, 6), (3, 6, 4), (2, 3, 4, 4), (0, 3, 2)])
def test_matrices_one_by_one_are_matrices_all_at_once(shape):
    A = np.random.default_rng(0).normal(size=shape)
    A[..., 0] = A[..., 1]  # rank-deficient
    with jax.enable_x64(True):
        ours = np.asarray(jax.jit(pseudoinverse)(jnp.asarray(A)))
        nested = pseudoinverse
        for _ in shape[:-2]:
            nested = jax.vmap(nested)
        np.testing.assert_array_equal(ours, np.asarray(nested(jnp.asarray(A))))
    np.testing.assert_allclose(ours, np.linalg.pinv(A), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(
        pseudoinverse(A), np.linalg.pinv(A, rtol=max(shape[-2:]) * 2**-52)
    )


def test_the_platform_that_a_program_is_for_decides():
    """Not the default backend, which is the CPU here: a GPU's program takes the batch at once."""
    traced = jax.jit(pseudoinverse).trace(jnp.ones((3, 4, 5), jnp.float32))
    for platform, call, shape in (("cpu", "lapack", "4x5"), ("cuda", "cusolver", "3x4x5")):
        program = traced.lower(lowering_platforms=(platform,)).as_text()
        calls = re.findall(rf"custom_call @{call}_\w+\(.*?: \((tensor<[^>]*>)", program)
        assert calls == [f"tensor<{shape}xf32>"]


def test_a_function_of_several_results_goes_matrix_by_matrix():
    A = jnp.asarray(np.random.default_rng(0).normal(size=(3, 5, 2)), jnp.float32)
    values = matrix_by_matrix(lambda M: jnp.linalg.svd(M, compute_uv=False), A)
    np.testing.assert_allclose(values, np.linalg.svd(np.asarray(A))[1], rtol=1e-5)


_WIDE = """
import fatheory as fa
fa.simulate(fa.Experiment(
    task=fa.ImageTask(dataset="synthetic-digits"),
    network=fa.DenseNetwork(hidden=(700, 300), activation="tanh"),
    rules={"pseudobackprop": 0.01},
    schedule=fa.Schedule(phases=(fa.Phase(steps=10),), batch_size=50),
    record=fa.Record(quantities=(), snapshots=2),
    seeds=3,
))
"""


@pytest.mark.slow
def test_pseudobackprop_in_a_wide_network_comes_to_an_end():
    """With LAPACK's own threads, as in a user's process; it hung in four of five tries."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    for _ in range(3):
        subprocess.run([sys.executable, "-c", _WIDE], env=environment, timeout=200, check=True)
