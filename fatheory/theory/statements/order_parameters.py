"""Catalogue: order parameters of online learning with many inputs."""

from fatheory.theory.statements.entry import Entry

_REGIME = (
    "two layers, Gaussian white input, fresh at every step, n_i to infinity at fixed K, M, n_o"
)
_OWN = "derived for this project"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="order_parameters.field",
        statement=(
            r"\dot R = \eta D_{\cdot T},\ \dot Q = \eta (D_S + D_S^\top) + \eta^2 "
            r"E\,\delta\delta^\top,\ \dot W = \eta_2 E\,e\,g(h)^\top,\ "
            r"D_{in} = E\,\delta_i u_n,\ \delta = (V e) \circ g'(h)"
        ),
        assumptions=f"{_REGIME}; V any function of readout, overlaps and a fixed state",
        source="Saad & Solla 1995; Goldt et al. 2019; Refinetti et al. 2021; other rules " + _OWN,
        function="fatheory.theory.order_parameters.solution.order_parameters",
        verified="against online learning written plainly, seven rules and three activations, "
        "with the predicted spread and shift; the residual is the largest rms deviation of the "
        "means in standard errors, 1 by chance",
    ),
    Entry(
        id="order_parameters.integrals",
        statement=(
            r"E\,\theta_i \theta_k a^+ b^+ = r_{ab} P_4 + \frac{1}{2\pi} \left[ "
            r"\sum_{c \in \{i,k\}} (r_{cb}\, g_{ca} \sqrt{D_{ca}} + r_{ca}\, g_{cb} \sqrt{D_{cb}})"
            r" + g_{ab} \sqrt{D_{ab}} + g_{ik} N_{ik} / \sqrt{D_{ik}} \right]"
        ),
        assumptions="ReLU units of variance 1 and correlations r; D = 1 - r^2, g_cd the "
        "probability that the other two are positive where c and d vanish",
        source=_OWN,
        function="fatheory.theory.order_parameters.relu.ReluIntegrals.quadruples",
        verified="every table of every activation against 10^6 draws, fields that coincide or "
        "nearly do included; the residual is the largest deviation in standard errors",
    ),
    Entry(
        id="order_parameters.price",
        statement=r"\frac{\partial}{\partial C_{ab}} E f(u) = E\, \frac{\partial^2 f}"
        r"{\partial u_a \partial u_b}",
        assumptions="jointly Gaussian u, up to correlations of 1 - 1e-10",
        source="Price 1958",
        function="fatheory.theory.order_parameters.orthant.four_positive",
        verified="I2 and I4 along paths of covariances, linear, erf and ReLU",
    ),
    Entry(
        id="order_parameters.mixture",
        statement=r"\tanh u = \int_0^\infty \mathrm{erf}\!\left(u / (\sqrt{2}\, \tau)\right) "
        r"f(\tau)\, d\tau,\ f(\tau) = 8 \tau \sum_{j \geq 1} (-1)^{j-1} j^2 e^{-2 j^2 \tau^2}",
        assumptions="all u; f is the density of Kolmogorov's law",
        source="Andrews & Mallows 1974; used for order parameters in this project",
        function="fatheory.theory.order_parameters.quadrature.tanh_mixture",
        verified="six-point rule against tanh, errors falling fourfold a point",
    ),
    Entry(
        id="order_parameters.plateau",
        statement=r"Q_{ik} = \frac{1}{2K - 1},\ R_{in} = \frac{1}{\sqrt{K (2K - 1)}},\ "
        r"\epsilon_g = \frac{K}{\pi} \left( \frac{\pi}{6} - K \arcsin \frac{1}{2K} \right)",
        assumptions="erf units, K = M, orthonormal teacher, readouts 1 and fixed, small rates",
        source="Saad & Solla 1995",
        function="fatheory.theory.order_parameters.solution.order_parameters",
        verified="at rest, and the error to 10 digits for K = 2, 3, 4",
    ),
    Entry(
        id="order_parameters.linear_unit",
        statement=r"\epsilon_g \propto e^{-(2\eta - \eta^2) \alpha},\ "
        r"\epsilon_g \to \frac{\eta s^2}{2 (2 - \eta)}",
        assumptions="one linear unit, its readout 1 and fixed; s the noise on the target",
        source="classical; for example Biehl & Schwarze 1995",
        function="fatheory.theory.order_parameters.solution.order_parameters",
        verified="at three rates up to 1.9",
    ),
    Entry(
        id="order_parameters.small_rates",
        statement=r"\eta \to 0,\ t = \eta \alpha:\ \text{the gradient flow, with an error of } "
        r"O(\eta)",
        assumptions=f"{_REGIME}; linear units",
        source="classical",
        function="fatheory.theory.order_parameters.solution.order_parameters",
        verified="against the integrated flow of the weights under four rules, slope 1 in eta",
    ),
    Entry(
        id="order_parameters.angles",
        statement=r"\langle G_V, G_{V'} \rangle = \sum_i \kappa_i(V)\, C\, \kappa_i(V')^\top,\ "
        r"\kappa_{ic} = P_{ic} J_2(i, c) + \delta_{ic} \sum_a P_{ia} E\, g''(i) g(a)",
        assumptions=f"{_REGIME}; mean updates G_V of the input weights under feedback V",
        source=_OWN,
        function="fatheory.theory.order_parameters.alignment.gradient_angle",
        verified="angles of signals and of gradients against drawn examples",
    ),
    Entry(
        id="order_parameters.finite_size",
        statement=r"\dot S = J S + S J^\top + D,\ \dot m = J m + \tfrac12 f'' : S + c - "
        r"\tfrac12 J f,\ \mathrm{Cov} = S / n_i,\ \text{shift of the mean} = m / n_i",
        assumptions="as order_parameters.field, seeds that share the start of the overlaps, "
        "leading order in 1 / n_i",
        source="van Kampen 1961; derived for this project",
        function="fatheory.theory.order_parameters.fluctuations.order_parameter_fluctuations",
        verified="spread and shift over 600 simulated seeds at 40 inputs; the residual is that of "
        "the mean ratio of standard deviations",
    ),
)
