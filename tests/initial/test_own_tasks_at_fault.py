"""Tasks of one's own that fail: one message that names task, package and what went wrong."""

from typing import Literal

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import ArrayError, PluginError
from fatheory.experiment import DrawnTask
from fatheory.tasks import TASKS


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    TASKS.forget()


class Sums:
    """y*_k = sum of x."""

    def __init__(self, outputs, inputs):
        self._outputs, self._inputs = outputs, inputs

    def inputs(self, generator, count):
        return generator.uniform(-1, 1, (count, self._inputs))

    def probe_inputs(self, generator, count):
        return generator.uniform(-1, 1, (count, self._inputs))

    def targets(self, x):
        return np.repeat(x.sum(axis=1, keepdims=True), self._outputs, axis=1)


class SumsTask(DrawnTask):
    kind: Literal["sums"] = "sums"
    fault: str = ""

    def draw(self, generator):
        """Draw nothing, and fail where the fault says so."""
        if self.fault == "draw":
            raise KeyError("lost")
        problem = Sums(self.outputs, self.inputs)
        if self.fault in ("inputs", "probe_inputs", "targets"):
            setattr(problem, self.fault, lambda *given: {}["lost"])
        elif self.fault == "ragged":
            problem.targets = lambda x: [[1.0], [1.0, 2.0]]
        elif self.fault == "said":
            problem.targets = lambda x: (_ for _ in ()).throw(ArrayError("said already"))
        elif self.fault == "no problem":
            return None
        return problem


def simulated(fault):
    TASKS.register(SumsTask)
    asked = fa.Experiment(
        task=SumsTask(inputs=3, outputs=2, fault=fault),
        network=fa.DenseNetwork(hidden=(4,), start=fa.Uniform(bound=0.5)),
        rules={"backprop": 0.1},
        schedule=fa.Schedule(phases=(fa.Phase(steps=3),)),
        record=fa.Record(snapshots=2, probe_samples=5),
    )
    return fa.simulate(asked, progress=False)


@pytest.mark.parametrize("fault", ["draw", "inputs", "probe_inputs", "targets"])
def test_a_task_that_fails_is_named_with_what_went_wrong(fault):
    words = rf"the task 'sums' \({__name__} \(at run time\)\) fails in {fault}: KeyError: 'lost'"
    with pytest.raises(PluginError, match=words) as told:
        simulated(fault)
    assert isinstance(told.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("ragged", PluginError, "'sums' .* fails in targets: ValueError"),
        ("no problem", PluginError, "draw of the task 'sums' .* must return what has inputs"),
        ("said", ArrayError, "^said already$"),
    ],
)
def test_what_a_task_gives_is_told_by_name(fault, kind, words):
    with pytest.raises(kind, match=words):
        simulated(fault)


def test_a_task_without_a_fault_is_learned():
    run = simulated("")
    assert np.isfinite(run.loss).all()
