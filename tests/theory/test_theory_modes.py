import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.modes import ModeSolution

S, G = 2.3, 0.7


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(30):
        yield


def zero_start_time(log_gap, s, g):
    """The implicit solution of THEORY 4, as written, in lambda = -log(1 - u)."""
    u = -mp.expm1(-log_gap)
    scale = mp.cbrt(2 * mp.mpf(s) / mp.mpf(g)) / mp.mpf(s)
    arctan = mp.atan((2 * u + 1) / mp.sqrt(3)) - mp.pi / 6
    return scale * (log_gap / 3 + mp.log(1 + u + u * u) / 6 + arctan / mp.sqrt(3))


FRACTIONS = np.concatenate(
    [10.0 ** np.arange(-8, -0.9, 0.5), [0.3, 0.5, 0.8, 0.9], 1 - 10.0 ** -np.arange(2.0, 14.1)]
)


@pytest.mark.catalogue("modes.zero_start")
@pytest.mark.parametrize("u", FRACTIONS)
def test_zero_start_has_all_its_digits(u, residual):
    modes = ModeSolution(S, G)
    target = -mp.log1p(-mp.mpf(float(u)))
    exact_time = zero_start_time(target, S, G)
    residual(abs(modes.time_of(u) / exact_time - 1), 1e-14)
    t = float(exact_time)
    log_gap = mp.findroot(lambda lam: zero_start_time(lam, S, G) - mp.mpf(t), target)
    top = mp.cbrt(2 * mp.mpf(S) / mp.mpf(G))
    done = -mp.expm1(-log_gap)
    residual(abs(modes.x(t) / (top * done) - 1), 1e-14)
    residual(abs(modes.y(t) / ((top * done) ** 2 / 2) - 1), 1e-14)
    residual(abs(modes.remaining(t) / mp.exp(-log_gap) - 1), 1e-13)
    residual(abs(modes.residual(t) / (mp.mpf(S) * (1 - done**3)) - 1), 1e-13)


def random_modes(count, seed):
    rng = np.random.default_rng(seed)
    s = rng.choice([-1, 1], count) * 10 ** rng.uniform(-3, 1, count)
    g = 10 ** rng.uniform(-1, 1, count)
    x_star = np.cbrt(2 * s / g)
    x0 = rng.choice([-1, 0, 1], count) * x_star * 10 ** rng.uniform(-4, 2, count)
    y0 = rng.choice([-1, 0, 1], count) * x_star**2 * 10 ** rng.uniform(-4, 2, count)
    return s, g, x0, y0


def partial_fractions(s, g, x0, y0):
    """Return the time, the velocity and the fixed point that is reached, from the roots."""
    s, g, x0, y0 = map(mp.mpf, (s, g, x0, y0))
    c = y0 - x0**2 / 2
    roots = mp.polyroots([1, 0, 2 * c, -2 * s / g], maxsteps=500, extraprec=150)
    start_velocity = s - g * x0 * y0
    real = [mp.re(r) for r in roots if abs(mp.im(r)) < mp.mpf(10) ** -20]
    ahead = [r for r in real if (r - x0) * start_velocity > 0]
    limit = min(ahead, key=lambda r: abs(r - x0))

    def velocity(x):
        return s - g * c * x - g / 2 * x**3

    def time(x):
        return mp.re(
            sum(mp.log(1 + (x - x0) / (x0 - r)) / (-g * c - 3 * g / 2 * r**2) for r in roots)
        )

    return time, velocity, limit


@pytest.mark.catalogue("modes.spectral_start")
def test_any_start_has_all_its_digits(residual):
    count = 20
    starts = random_modes(count, seed=1)
    with mp.workdps(40):
        for s, g, x0, y0 in zip(*starts, strict=True):
            modes = ModeSolution(s, g, x0, y0)
            time, velocity, limit = partial_fractions(s, g, x0, y0)
            residual(abs(modes.limit - limit) / abs(limit), 1e-14)
            for u in (1e-7, 0.03, 0.4, 0.9, 1 - 1e-6, 1 - 1e-12):
                x = x0 + (limit - x0) * mp.mpf(u)
                exact_time = time(x)
                t = float(exact_time)
                x += velocity(x) * (mp.mpf(t) - exact_time)
                gap = (limit - x) / (limit - x0)
                residual(abs(modes.x(t) - x) / max(abs(x), abs(x0)), 1e-13)
                residual(abs(modes.remaining(t) / gap - 1), 1e-12)
                residual(abs(modes.residual(t) / velocity(x) - 1), 1e-12)
                residual(abs(modes.time_of(u) / time(x0 + (limit - x0) * mp.mpf(u)) - 1), 1e-12)


CLOSE_ROOTS = [
    (3.0, 1.0, 0.0, 0.0),  # all roots alike in size
    (1.0, 1.0, 2.0, 2.0 - 1.5 * (1 + 1e-5)),  # the other two close and real
    (1.0, 1.0, 2.0, 2.0 - 1.5 * (1 - 1e-5)),  # close and complex
    (1.0, 1.0, -2.0, 2.0 - 1.5 * (1 + 1e-4)),  # the limit close to the unstable one
    (1.0, 1.0, -2.0, 2.0 - 1.5 * (1 - 1e-4)),  # past the ghost of a vanished pair
    (1e-9, 1.0, 1.0, 0.5),  # a nearly triple root
]


@pytest.mark.parametrize("start", CLOSE_ROOTS)
def test_close_roots_do_no_harm(start):
    modes = ModeSolution(*start)
    with mp.workdps(60):
        time, velocity, limit = partial_fractions(*start)
        x0 = mp.mpf(start[2])
        for u in (1e-6, 0.3, 0.7, 0.99, 1 - 1e-8):
            x = x0 + (limit - x0) * mp.mpf(u)
            exact_time = time(x)
            x += velocity(x) * (mp.mpf(float(exact_time)) - exact_time)
            # Behind a bottleneck rounding in s moves the time by t / 1e-4 units in the last place.
            assert abs(modes.x(float(exact_time)) - x) <= 2e-9 * abs(x)
            assert abs(modes.time_of(u) / exact_time - 1) <= 1e-10


def test_algebraic_decay_where_all_roots_meet():
    # s = 0 and c = 0: dx/dt = -(g/2) x^3.
    t = np.geomspace(1e-6, 1e8, 30)
    x = ModeSolution(0.0, G, 1.5, 1.5**2 / 2).x(t)
    np.testing.assert_allclose(x, 1.5 / np.sqrt(1 + G * 1.5**2 * t), rtol=1e-13)


def test_exact_ends():
    s, g, x0, y0 = random_modes(50, seed=2)
    for modes in (ModeSolution(s, g, x0, y0), ModeSolution(s, g)):
        np.testing.assert_array_equal(modes.x(0.0), np.broadcast_to(modes.x0, s.shape))
        np.testing.assert_array_equal(modes.y(0.0), np.broadcast_to(modes.y0, s.shape))
        np.testing.assert_array_equal(modes.x(np.inf), modes.limit)
        np.testing.assert_array_equal(modes.residual(np.inf), 0.0)
        assert modes.loss(np.inf) == 0.0
        np.testing.assert_array_equal(modes.time_of(0.0), 0.0)
        assert np.isinf(modes.time_of(1.0)).all()
    np.testing.assert_allclose(
        ModeSolution(s, g).limit, np.cbrt(2 * s / g), rtol=1e-15, err_msg="x*"
    )


def test_modes_that_stand_still():
    modes = ModeSolution([0.0, 0.0, 6.0], 2.0, [0.0, 0.0, 3.0], [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(modes.x([0.0, 5.0, np.inf]), [[0.0, 0.0, 3.0]] * 3)
    np.testing.assert_array_equal(modes.y([5.0]), [[0.0, 1.0, 1.0]])
    np.testing.assert_array_equal(modes.loss([0.0, 1.0]), 0.0)
    np.testing.assert_array_equal(modes.time_of([0.0, 0.5]), [[0.0] * 3, [np.inf] * 3])
    still = ModeSolution(0.0, 2.0)
    np.testing.assert_array_equal(still.x([0.0, 3.0, np.inf]), 0.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_which_fixed_point_is_reached(sign):
    # x^3 - 3 x - 1 has the roots -1.532, -0.347 and 1.879; the middle one repels.
    low, middle, high = sorted(2 * np.cos((np.pi / 3 + 2 * np.pi * np.arange(3)) / 3))
    for x0, limit in [(-3.0, low), (-1.0, low), (middle - 1e-6, low), (middle + 1e-6, high),
                      (0.0, high), (1.0, high), (4.0, high)]:  # fmt: skip
        modes = ModeSolution(sign * 0.5, 1.0, sign * x0, x0**2 / 2 - 1.5)
        assert modes.limit == pytest.approx(sign * limit, rel=1e-12)


@pytest.mark.catalogue("modes.restart")
def test_restart_is_the_solution_shifted(residual):
    s, g, x0, y0 = random_modes(200, seed=3)
    first = ModeSolution(s, g, x0, y0)
    speed = np.median(np.abs(g)) * np.max(s**2) ** (1 / 3)
    t1, t2 = 0.3 / speed, np.array([0.0, 0.2, 1.0, 5.0, np.inf]) / speed
    x1, y1 = first.x(t1), first.y(t1)
    again = ModeSolution(s, g, x1, y1)
    scale = np.maximum(np.abs(first.limit), np.abs(x0))
    residual(np.max(np.abs(again.x(t2) - first.x(t1 + t2)) / scale), 1e-9)


@given(
    s=st.floats(1e-6, 1e6), g=st.floats(1e-4, 1e4), x0=st.floats(-3, 3), y0=st.floats(-3, 3),
    factor=st.floats(1e-3, 1e3), t=st.floats(0, 20), sign=st.sampled_from([-1, 1]),
)  # fmt: skip
@settings(deadline=None, max_examples=40, derandomize=True)
def test_scaling_identities(s, g, x0, y0, factor, t, sign):
    # s -> f^3 s, x -> f x, y -> f^2 y, t -> t / f^2; and (s, x) -> -(s, x).
    unit = np.cbrt(2 * s / g)
    base = ModeSolution(s, g, x0 * unit, y0 * unit**2)
    scaled = ModeSolution(
        sign * factor**3 * s, g, sign * factor * x0 * unit, factor**2 * y0 * unit**2
    )
    moment = t * unit / s
    x, y = base.x(moment), base.y(moment)
    # Near the unstable fixed point and near a double one rounding is amplified.
    if abs(s - g * base.x0 * base.y0) < 1e-3 * s or y0 - x0**2 / 2 < -1.2:
        return
    assert scaled.x(moment / factor**2) == pytest.approx(
        sign * factor * x, rel=1e-9, abs=1e-9 * factor * unit
    )
    assert scaled.y(moment / factor**2) == pytest.approx(
        factor**2 * y, rel=1e-9, abs=1e-9 * (factor * unit) ** 2
    )


def test_vectorised_is_the_loop():
    s, g, x0, y0 = random_modes(12, seed=4)
    t = np.array([[0.0, 0.1, 1.0], [7.0, 300.0, np.inf]])
    modes = ModeSolution(s.reshape(3, 4), g.reshape(3, 4), x0.reshape(3, 4), y0.reshape(3, 4))
    for name in ("x", "y", "residual", "remaining"):
        values = getattr(modes, name)(t)
        assert values.shape == (2, 3, 3, 4)
        for i in np.ndindex(2, 3):
            loop = [getattr(ModeSolution(*m), name)(t[i]) for m in zip(s, g, x0, y0, strict=True)]
            np.testing.assert_allclose(values[i].ravel(), loop, rtol=1e-12, atol=1e-300)
    assert modes.loss(t).shape == (2, 3)
    np.testing.assert_allclose(modes.loss(t), 0.5 * np.sum(modes.residual(t) ** 2, axis=(2, 3)))
    zero = ModeSolution(np.abs(s), g)
    np.testing.assert_array_equal(
        zero.x([0.5, 2.0])[1],
        [float(ModeSolution(*m).x(2.0)) for m in zip(np.abs(s), g, strict=True)],
    )


def test_zero_start_table_and_general_inversion_agree():
    t = np.geomspace(1e-5, 30, 400)
    general = ModeSolution(S, G, 0.0, 1e-300)
    np.testing.assert_allclose(general.x(t), ModeSolution(S, G).x(t), rtol=1e-14)
    np.testing.assert_allclose(general.residual(t), ModeSolution(S, G).residual(t), rtol=1e-12)


def test_time_of_inverts_x():
    s, g, x0, y0 = random_modes(100, seed=5)
    modes = ModeSolution(s, g, x0, y0)
    u = np.array([1e-6, 0.1, 0.5, 0.9, 0.999])
    t = modes.time_of(u)
    for k, fraction in enumerate(u):
        np.testing.assert_allclose(1 - modes.remaining(t[k]).diagonal(), fraction, rtol=1e-9)


def test_refuses_bad_input():
    with pytest.raises(RegimeError, match=r"g > 0; the least g is -1"):
        ModeSolution(1.0, [1.0, -1.0])
    with pytest.raises(ArrayError, match=r"do not broadcast: s \(2,\), g \(3,\)"):
        ModeSolution([1.0, 2.0], [1.0, 1.0, 1.0])
    with pytest.raises(ArrayError, match="s must be finite"):
        ModeSolution(np.nan, 1.0)
    with pytest.raises(ArrayError, match=r"one time is -2"):
        ModeSolution(1.0, 1.0).x([0.0, -2.0])
    with pytest.raises(ArrayError, match="one time is nan"):
        ModeSolution(1.0, 1.0).loss(np.nan)
    with pytest.raises(ArrayError, match=r"u must be in \[0, 1\]; it reaches from 0.5 to 1.5"):
        ModeSolution(1.0, 1.0).time_of([0.5, 1.5])


def test_many_times_are_few_times():
    """Expansions along the modes against the inversion point by point, for starts of all kinds."""
    rng = np.random.default_rng(5)
    n = 150
    s, x0, y0 = (rng.normal(size=n) * 10 ** rng.uniform(-3, 0.5, n) for _ in range(3))
    solution = ModeSolution(s, 10 ** rng.uniform(-1, 1, n), x0, y0)
    times = np.sort(np.concatenate([[0.0], 10 ** rng.uniform(-6, 4, 79), [np.inf]]))
    together = [f(times) for f in (solution.x, solution.remaining, solution.residual)]
    for name, many in zip(("x", "remaining", "residual"), together, strict=True):
        few = np.concatenate(
            [getattr(solution, name)(times[k : k + 27]) for k in range(0, len(times), 27)]
        )
        np.testing.assert_allclose(many, few, rtol=1e-11, atol=1e-280, err_msg=name)


def test_the_order_of_times_does_not_matter():
    solution = ModeSolution([1.0, 0.3], 2.0, [0.1, -0.2], [0.3, 0.0])
    times = np.random.default_rng(0).permutation(np.linspace(0, 9, 60)).reshape(6, 10)
    alone = np.array([[solution.x(t) for t in row] for row in times])
    np.testing.assert_allclose(solution.x(times), alone, rtol=1e-13)
