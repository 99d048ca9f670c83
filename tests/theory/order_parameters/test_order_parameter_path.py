"""The solver of the order parameters: its accuracy, its price, and where it gives up."""

import numpy as np
import pytest
from overlaps import drawn_overlaps

from fatheory.errors import LearningRateWarning
from fatheory.theory import order_parameters
from fatheory.theory.integrate import integrate
from fatheory.theory.order_parameters import path
from fatheory.theory.order_parameters.arguments import checked_problem

TIMES = np.array([0.0, 1.0, 20.0, 120.0])


def problem(activation="erf", rate=0.5):
    *arrays, B = drawn_overlaps(seed=11, K=2, M=2, n_o=1)
    return checked_problem(
        *arrays, activation=activation, rule="feedback_alignment", B=B, learning_rate=rate,
        readout_rate=None, noise=0.0, decay=0.0, input_decay=0.0,
    )  # fmt: skip


def one_step(asked, start, rtol, atol, times=TIMES):
    """Integrate by formulas of order 8; return vectors and evaluations."""
    layout, calls = asked.layout(2), []
    moved = path._Motion(asked, layout)

    def field(parts):
        calls.append(1)
        return moved.blocks(parts)

    solved = integrate(field, [layout.pack(start)], times, rtol=rtol, atol=atol)
    return solved.weights[0], len(calls)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_the_path_is_that_of_another_solver_at_fewer_evaluations(activation, monkeypatch):
    asked, start = problem(activation)
    exact, _ = one_step(asked, start, 1e-12, 1e-14)
    loose, dear = one_step(asked, start, 1e-9, 1e-11)
    calls, whole = [], path.motion

    def counted(*given):
        calls.append(1)
        return whole(*given)

    monkeypatch.setattr(path, "motion", counted)
    states, lost = path.follow(asked, start, TIMES)
    assert lost == -1
    found = asked.layout(2).pack(states)
    assert np.abs(found - exact).max() < 3e-9
    assert np.abs(loose - exact).max() < 3e-8
    assert np.abs(exact[-1] - exact[0]).max() > 0.1  # it moves
    assert len(calls) < dear


def test_the_jacobian_is_that_of_the_field():
    asked, start = problem()
    moved = path._Motion(asked, asked.layout(2))
    x = asked.layout(2).pack(start)
    J, step = moved.jacobian(0.0, x), 1e-5
    for place in range(len(x)):
        way = step * np.eye(len(x))[place]
        central = (moved.field(0.0, x + way) - moved.field(0.0, x - way)) / (2 * step)
        np.testing.assert_allclose(J[:, place], central, atol=1e-5)


def test_where_it_gives_up_one_step_formulas_go_on(monkeypatch):
    asked, start = problem()
    whole, _ = path.follow(asked, start, TIMES)

    class Tired(path.LSODA):
        def step(self):
            message = super().step()
            if self.t > 3.0:
                self.status = "failed"
            return message

    monkeypatch.setattr(path, "LSODA", Tired)
    rest, lost = path.follow(asked, start, TIMES)
    assert lost == -1
    for a, b in zip(whole, rest, strict=True):
        if a is not None:
            np.testing.assert_allclose(a, b, atol=3e-9)


def test_what_diverges_is_lost_where_its_numbers_end():
    """One linear unit: the error grows as exp((eta^2 - 2 eta) alpha)."""
    eta = 30.0
    end = np.log(np.finfo(float).max) / (eta**2 - 2 * eta)
    times = end * np.array([0.0, 0.3, 0.6, 0.9, 1.1, 1.2])
    with pytest.warns(LearningRateWarning, match="diverge"):
        solved = order_parameters(
            [[0.3]], [[0.1]], [[1.0]], [[1.0]], [[1.0]], activation="linear", rule="backprop",
            readout_rate=0.0, learning_rate=eta, times=times,
        )  # fmt: skip
    assert solved.attrs["diverged_at"] == 4
    grown = solved["generalization_error"].values[1:4] / solved["generalization_error"].values[0]
    np.testing.assert_allclose(np.log(grown), (eta**2 - 2 * eta) * times[1:4], rtol=1e-6)


def test_one_time_and_none_but_the_start():
    *arrays, B = drawn_overlaps(seed=11, K=2, M=2, n_o=1)
    settings = {"activation": "erf", "B": B, "learning_rate": 0.5}
    alone = order_parameters(*arrays, **settings, times=[0.0])
    np.testing.assert_array_equal(alone["Q"].values[0], arrays[0])
    late = order_parameters(*arrays, **settings, times=[3.0])
    more = order_parameters(*arrays, **settings, times=[0.5, 3.0])
    np.testing.assert_allclose(late["Q"].values[0], more["Q"].values[1], atol=1e-9)
