"""Conservation laws of feedback that is a gradient, and of feedback that learns."""

from fatheory.theory.statements.entry import Entry

_DERIVED = "derived for this project"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "laws.potential",
        r"\Delta\left[\|w^{in}_i\|^2 + b_i^2 - 2 \psi_i(w^{out}_i)\right] = "
        r"\|\Delta w^{in}_i\|^2 + \Delta b_i^2 - 2 D_{\psi_i}",
        "linear, ReLU or leaky ReLU units, any depth, batch, loss and learning rate; feedback the "
        "gradient of psi: backprop, feedback alignment, usf, frsf, powers",
        _DERIVED,
        "fatheory.theory.laws.potential_law.potential_law_changes",
        "SGD steps of a literal deep ReLU loop through changes of sign",
    ),
    Entry(
        "laws.kolen_pollack",
        r"C_{k+1} = (1 - \eta\lambda)^2 C_k + g_0 g_0^\top - g_1^\top g_1,\quad "
        r"C = W_0 W_0^\top - B B^\top",
        "two-layer linear network, Kolen-Pollack feedback, SGD with weight decay",
        _DERIVED,
        "fatheory.theory.laws.learned_feedback.kolen_pollack_law_change",
        "1,000 noisy online steps of a literal loop",
    ),
    Entry(
        "laws.weight_mirror",
        r"\mathrm{Var}\, V_{ij} = \frac{m}{2 - m} (\|W_i\|^2 + W_{ij}^2)",
        "weight mirror with normal noise at fixed forward weights",
        _DERIVED,
        "fatheory.theory.laws.learned_feedback.weight_mirror_variance",
        "long literal run",
    ),
)
