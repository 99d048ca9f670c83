"""Catalogue: the exact learners that stand beside feedback alignment."""

from fatheory.theory.statements.entry import Entry

_OWN = "derived for this project"
_TWO_LAYERS = "two-layer linear network, gradient flow"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="backprop.modes",
        statement=(
            r"\dot a = \lambda b (s - ab),\ \dot b = \lambda a (s - ab):\ "
            r"2a = p e^G + q e^{-G},\ 2b = p e^G - q e^{-G},\ p = a_0 + b_0,\ q = a_0 - b_0,\ "
            r"e^{2G} = \frac{\kappa + s + q^2 h/2 + e^{-2\kappa\tau} p^2 q^2 / 4(\kappa + s)}"
            r"{e^{-2\kappa\tau} (\kappa + s) + p^2 [h/2 + q^2 / 4(\kappa + s)]},\ "
            r"\kappa^2 = s^2 + p^2 q^2 / 4,\ h = 1 - e^{-2\kappa\tau},\ \tau = \lambda t"
        ),
        assumptions="one decoupled mode under backprop's gradient flow; any start, s >= 0",
        source="Saxe, McClelland & Ganguli 2013, section 1 and appendix; common form " + _OWN,
        function="fatheory.theory.backprop_modes.backprop_modes",
        verified="against the logistic and the hyperbolic solution of the source; semigroup",
    ),
    Entry(
        id="backprop.aligned_weights",
        statement=(
            r"P_i = W_0 v_i,\ Q_i = W^\top u_i:\ P_i + Q_i = e^{G_i} (P_i + Q_i)(0),\ "
            r"P_i - Q_i = e^{-G_i} (P_i - Q_i)(0)"
        ),
        assumptions=_TWO_LAYERS + ", backprop; hidden directions of different modes of the target "
        "orthogonal, input covariance diagonal in the right singular vectors of the target",
        source="Saxe, McClelland & Ganguli 2013 for parallel P_i, Q_i; in general " + _OWN,
        function="fatheory.theory.backprop_modes.backprop_aligned_weights",
        verified="against the integrated flow and against gradient steps (slope 1)",
    ),
    Entry(
        id="backprop.riccati",
        statement=(
            r"Q = [W_0^\top; W],\ R = Q Q^\top:\ \dot R = F R + R F - R^2,\ "
            r"R(t) = e^{Ft} Q_0 \Bigl(I + Q_0^\top \int_0^t e^{2F\tau} d\tau\, Q_0\Bigr)^{-1} "
            r"Q_0^\top e^{Ft},\ F = \begin{pmatrix} l I / 2 & T^\top \\ T & -l I / 2 \end{pmatrix}"
        ),
        assumptions=_TWO_LAYERS + ", backprop, white input, W_0 W_0^T - W^T W = l I at the start",
        source="Fukumizu 1998; Braun et al. 2022; Domine et al. 2024 for l not 0",
        function="fatheory.theory.riccati.riccati_flow",
        verified="against the integrated flow, gradient steps (slope 1) and the scalar mode",
    ),
    Entry(
        id="shallow.solution",
        statement=r"E(t) = E(0) \exp(-\Sigma W_0^\top W_0 t)",
        assumptions=_TWO_LAYERS + "; W_0 frozen, any input covariance",
        source=_OWN,
        function="fatheory.theory.linear_phases.shallow_weights",
        verified="against the matrix exponential",
    ),
    Entry(
        id="frozen.solution",
        statement=r"E(t) q_j = e^{-\lambda_j W P t} E(0) q_j,\ \Sigma q_j = \lambda_j q_j",
        assumptions=_TWO_LAYERS + "; W frozen, dW_0/dt = P E \\Sigma with P = B, W^T or any other",
        source=_OWN,
        function="fatheory.theory.linear_phases.frozen_output_weights",
        verified="against the matrix exponential, also of a defective loop",
    ),
    Entry(
        id="phases.closed_form",
        statement=r"\text{shallow.solution and frozen.solution, one phase after another}",
        assumptions=_TWO_LAYERS + "; each phase freezes at least one layer; any layered rule",
        source="Lillicrap et al. 2016, Fig. 5c, for the protocol; " + _OWN,
        function="fatheory.theory.linear_phases.phases_closed_form",
        verified="against the integrated flow of five rules and against gradient steps (slope 1)",
    ),
    Entry(
        id="node_perturbation.moments",
        statement=(
            r"\mathrm{E}\,\delta = a,\ \mathrm{Cov}\,\delta = |a|^2 I + a a^\top + "
            r"\tfrac{\sigma^2}{4} [((\mathrm{tr} M)^2 + 2\,\mathrm{tr} M^2) I + "
            r"4\,\mathrm{tr}(M) M + 8 M^2],\ a = W^\top e,\ M = W^\top W"
        ),
        assumptions="linear output, squared error, Gaussian perturbation of the hidden activity",
        source="rule: Werfel, Xie & Seung 2005; covariance " + _OWN,
        function="fatheory.theory.node_perturbation.node_perturbation_moments",
        verified="against exact Gaussian quadrature and by sampling (slope -1/2)",
    ),
    Entry(
        id="node_perturbation.cosine",
        statement=(
            r"\langle\cos\angle(\delta, W^\top e)\rangle = "
            r"\frac{\Gamma(n_h/2)}{\sqrt\pi\,\Gamma((n_h + 1)/2)}"
        ),
        assumptions="as node_perturbation.moments, perturbation to 0",
        source=_OWN,
        function="fatheory.theory.node_perturbation.node_perturbation_cosine",
        verified="against quadrature of the law of the angle, and by sampling",
    ),
    Entry(
        id="node_perturbation.mean_loss",
        statement=(
            r"s_i' = (1 - 2\eta\lambda g_i + 2 c g_i^2) s_i + c g_i \sum_j g_j s_j + "
            r"\eta^2 \lambda n_i \tfrac{\sigma^2}{4} g_i "
            r"[(\mathrm{tr} G)^2 + 2\,\mathrm{tr} G^2 + 4\,\mathrm{tr}(G) g_i + 8 g_i^2],\ "
            r"c = \eta^2 \lambda^2 (n_i + 2),\ L = \tfrac{\lambda}{2} \sum_i s_i"
        ),
        assumptions="two-layer linear network, W frozen, online, input N(0, lambda I), target "
        "without noise; any learning rate and perturbation",
        source=_OWN,
        function="fatheory.theory.node_perturbation_speed.node_perturbation_mean_loss",
        verified="one step against exact Gaussian quadrature, many against simulated runs",
    ),
    Entry(
        id="node_perturbation.slowdown",
        statement=r"2 + (\mathrm{tr}\,G)^2 / \mathrm{tr}\,G^2,\quad G = W W^\top",
        assumptions="as node_perturbation.mean_loss, best learning rate of each, isotropic error",
        source="Werfel, Xie & Seung 2005 for G = I; in general " + _OWN,
        function="fatheory.theory.node_perturbation_speed.node_perturbation_slowdown",
        verified="against the exact mean loss of one step; rank + 2 for orthonormal W",
    ),
    Entry(
        id="fluctuations.noise",
        statement=(
            r"\mathrm{Cov}((e x^\top)_{ij}, (e x^\top)_{kl}) = "
            r"(E \Sigma E^\top + N)_{ik} \Sigma_{jl} + (E \Sigma)_{il} (E \Sigma)_{kj}"
        ),
        assumptions="Gaussian input of covariance Sigma, Gaussian target noise of covariance N",
        source="Isserlis' theorem; " + _OWN,
        function="fatheory.theory.online_noise.update_covariance",
        verified="against exact Gaussian quadrature",
    ),
    Entry(
        id="fluctuations.spread",
        statement=(
            r"\mathrm{Cov}\,\theta = \eta P,\ \dot P = J P + P J^\top + D,\ "
            r"\mathrm{Var}\,g = \eta \nabla g^\top P \nabla g"
        ),
        assumptions="two-layer linear network, online SGD of backprop, feedback alignment or "
        "shallow; small learning rate",
        source="van Kampen's expansion; coefficients " + _OWN,
        function="fatheory.theory.fluctuations.online_fluctuations",
        verified="against simulated online learning of many seeds",
    ),
    Entry(
        id="fluctuations.mean",
        statement=(
            r"\mathrm{E}\,\theta = \bar\theta + \eta m,\ \dot m = J m + "
            r"\tfrac12 \bar f'' : P - \tfrac12 J \bar f,\ "
            r"\mathrm{E}\,g = g + \eta (\nabla g \cdot m + \tfrac12 \mathrm{tr}(\nabla^2 g\, P))"
        ),
        assumptions="as fluctuations.spread",
        source=_OWN,
        function="fatheory.theory.fluctuations.online_fluctuations",
        verified="against the exact mean loss of LMS: its error has slope 2 in the learning rate",
    ),
    Entry(
        id="stability.lms",
        statement=r"\sum_j \frac{\eta \lambda_j}{2 (1 - \eta \lambda_j)} = 1",
        assumptions="one linear layer, online, Gaussian input; mean-square stability",
        source="Horowitz & Senne 1981; Feuer & Weinstein 1985",
        function="fatheory.theory.stability.largest_stable_lms_rate",
        verified="against the growth of the second moment from Gaussian fourth moments",
    ),
    Entry(
        id="stability.two_layers",
        statement=(
            r"\eta^* = \min_k 1 / \rho(A_1^{-1} A_2),\ A_1 Z = M \Sigma Z + Z \Sigma M^H,\ "
            r"A_2 Z = M \langle x x^\top Z x x^\top \rangle M^H,\ M = k I + W_0^\top W_0,\ "
            r"k \text{ the eigenvalues of } W V^\top"
        ),
        assumptions="two-layer linear network near W W_0 = T, online, Gaussian input",
        source=_OWN,
        function="fatheory.theory.stability.largest_stable_learning_rate",
        verified="against the growth of the second moment from Gaussian fourth moments",
    ),
)
