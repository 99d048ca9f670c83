"""Statements that SymPy proves."""

from fatheory.theory.statements.entry import Entry

_PROVEN = "proven by SymPy; the test repeats the proof"
_MODULE = "fatheory.theory.symbolic"


def _entry(name: str, function: str, statement: str, assumptions: str, source: str) -> Entry:
    return Entry(
        f"symbolic.{name}", statement, assumptions, source, f"{_MODULE}.{function}", _PROVEN
    )


_DERIVED = "derived for this project"
_LILLICRAP = "Lillicrap et al. 2016, Supplementary Note 11"
_SAXE = "Saxe, McClelland & Ganguli 2014, arXiv 1312.6120"
_WERFEL = "Werfel, Xie & Seung 2005"
_LIAO = "Liao, Leibo & Poggio 2016 (the rules); angles " + _DERIVED

ENTRIES: tuple[Entry, ...] = (
    _entry(
        "invariant.flow",
        "feedback_invariant_flow",
        r"B \dot W + (B \dot W)^\top - \dot W_0 W_0^\top - W_0 \dot W_0^\top = 0",
        "matrices of any size, any error signal",
        _LILLICRAP,
    ),
    _entry(
        "invariant.discrete",
        "feedback_invariant_step",
        r"C_{k+1} - C_k = -\Delta W_0 \Delta W_0^\top",
        "matrices of any size, any error signal and learning rate",
        _DERIVED,
    ),
    _entry(
        "invariant.backprop",
        "backprop_invariant_step",
        r"D_{k+1} - D_k = \Delta W^\top \Delta W - \Delta W_0 \Delta W_0^\top",
        "matrices of any size, any error signal and learning rate",
        _SAXE + " (flow)",
    ),
    _entry(
        "invariant.units",
        "unit_invariant_step",
        r"\Delta (2 b^\top v - |w|^2) = -|\Delta w|^2",
        "one positively homogeneous unit, any batch and loss",
        _DERIVED,
    ),
    _entry(
        "laws.potential",
        "potential_law_step",
        r"\Delta \|w\|^2 = 2 \langle v, \Delta w^{out}\rangle + \|\Delta w\|^2",
        "one positively homogeneous unit, any feedback v, batch, loss and learning rate",
        _DERIVED,
    ),
    _entry(
        "laws.power",
        "power_potential",
        r"\partial_w |w|^q / q = \mathrm{sign}(w) |w|^{q - 1}",
        "w not zero; usf is q = 1, backprop q = 2",
        _DERIVED,
    ),
    _entry(
        "laws.sign_divergence",
        "sign_divergence",
        r"|w'| - |w| - \mathrm{sign}(w) (w' - w) = 2 |w'|\ \text{where the sign changes, else}\ 0",
        "w, w' not zero",
        _DERIVED,
    ),
    _entry(
        "laws.kolen_pollack",
        "kolen_pollack_step",
        r"C_{k+1} = (1 - \eta\lambda)^2 C_k + g_0 g_0^\top - g_1^\top g_1",
        "matrices of any size, any error signal, learning rate and decay",
        _DERIVED,
    ),
    _entry(
        "laws.weight_mirror",
        "weight_mirror_variance",
        r"v = (1 - m)^2 v + m^2 (\|W\|^2 + W_j^2) \Rightarrow "
        r"v = \frac{m}{2 - m} (\|W\|^2 + W_j^2)",
        "independent normal noise; a row of three entries",
        _DERIVED,
    ),
    _entry(
        "deep_reduction.layer",
        "deep_reduction_layer",
        r"W_l U_{l-1} Y_{l-1} = U_l Y_l,\quad \Delta\Xi_l = P Y_{l-1}^\top",
        "matrices of any size, one layer; every layer by induction",
        _DERIVED,
    ),
    _entry(
        "reduction.step",
        "reduction_step",
        r"\Delta X A_0^\top + \Delta Y B^\top = P (A_0 + B X)^\top",
        "matrices of any size, any error signal",
        _DERIVED,
    ),
    _entry(
        "reduction.closure",
        "reduction_closure",
        r"W W_0 = W_i A_0 + W_i B X + X A_0^\top A_0 + X A_0^\top B X "
        r"+ Y B^\top A_0 + Y B^\top B X",
        "matrices of any size",
        _DERIVED,
    ),
    _entry(
        "mode.constant",
        "mode_constant",
        r"\frac{d}{dt} (y - x^2 / 2) = 0",
        "any mode of the reduced flow",
        _DERIVED,
    ),
    _entry(
        "mode.equation",
        "mode_equation",
        r"\dot x = s - g c x - \frac{g}{2} x^3",
        "zero weights, white input, B^T B = g I, spectral X and Y",
        _DERIVED,
    ),
    _entry(
        "mode.solution",
        "mode_solution",
        r"t = \frac{x^*}{s} [-\frac{1}{3} \ln(1 - u) + \frac{1}{6} \ln(1 + u + u^2) "
        r"+ \frac{1}{\sqrt{3}} (\arctan\frac{2u + 1}{\sqrt{3}} - \frac{\pi}{6})]",
        "mode equation from zero, u = x / x*",
        _DERIVED,
    ),
    _entry(
        "mode.deep_solution",
        "deep_mode_solution",
        r"t = \frac{\tau^* u}{s}\, {}_2F_1(1, 1/n; 1 + 1/n; u^n)",
        "deep mode equation from zero, n = 2^L - 1",
        _DERIVED,
    ),
    _entry(
        "mode.backprop_solution",
        "backprop_mode_solution",
        r"a(t) = \frac{s e^{2 s t}}{e^{2 s t} - 1 + s / a_0}",
        "balanced, aligned mode of backprop, white input",
        _SAXE,
    ),
    _entry(
        "mode.backprop_unbalanced",
        "unbalanced_backprop_mode_solution",
        r"t = \frac{1}{r} [\ln\frac{r + c + 2 s k}{r - c - 2 s k}]_{k_0}^{k},\quad "
        r"r = \sqrt{c^2 + 4 s^2},\quad k = \tanh(\theta / 2) = b / a",
        "aligned mode of backprop with c = a^2 - b^2 > 0, white input",
        _SAXE,
    ),
    _entry(
        "node_perturbation.mean",
        "node_perturbation_mean",
        r"\mathbb{E}\, \delta = W^\top e",
        "quadratic loss, linear output weights, any perturbation size",
        _WERFEL,
    ),
    _entry(
        "node_perturbation.covariance",
        "node_perturbation_covariance",
        r"\mathrm{Cov}\, \delta = |a|^2 I + a a^\top + \frac{\sigma^2}{4} "
        r"[((\mathrm{tr} M)^2 + 2 \mathrm{tr} M^2) I + 4 \mathrm{tr}(M) M + 8 M^2]",
        "quadratic loss, linear output weights, a = W^T e, M = W^T W",
        _DERIVED,
    ),
    _entry(
        "node_perturbation.cosine",
        "node_perturbation_cosine",
        r"\mathbb{E} |\cos| = \frac{\Gamma(n_h / 2)}{\sqrt{\pi}\, \Gamma((n_h + 1) / 2)}",
        "one draw, vanishing perturbation",
        _DERIVED,
    ),
    _entry(
        "angles.frsf",
        "sign_feedback_cosine",
        r"\cos = (2 p - 1) \sqrt{3 / (2 \pi)}",
        "normal weights, magnitudes uniform on [0, 1], signs concordant with probability p",
        _LIAO,
    ),
    _entry(
        "angles.usf",
        "uniform_sign_feedback_cosine",
        r"\cos = \sqrt{2 / \pi}",
        "normal weights, V = sign W",
        _LIAO,
    ),
    _entry(
        "angles.uniform",
        "uniform_weights_cosines",
        r"\cos_{USF} = \sqrt{3} / 2,\quad \cos_{FRSF} = 3 / 4",
        "uniform weights",
        _LIAO,
    ),
    _entry(
        "angles.concordance",
        "gaussian_concordance",
        r"p = 1 - \theta / \pi",
        "jointly normal entries at angle theta",
        "Sheppard 1899",
    ),
)
