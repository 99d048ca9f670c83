"""The exact reduction of linear networks of any depth."""

from fatheory.theory.statements.entry import Entry

_ANY = "linear network, any depth and hidden widths, any input covariance and start"
_DERIVED = "derived for this project"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "deep_reduction.flow",
        r"W_l = e^{-\lambda t} A_l + F_l \Xi_l U_{l-1}^\top,\quad "
        r"\dot\Xi_l = E \Sigma Y_{l-1}^\top - \lambda \Xi_l",
        _ANY + ", feedback alignment or direct feedback alignment, weight decay",
        _DERIVED,
        "fatheory.theory.deep_reduction.flow.deep_reduced",
        "integrated flow of the full weights, two to five layers",
    ),
    Entry(
        "deep_reduction.sgd",
        r"\Delta\Xi_l = \eta \langle e (Y_{l-1} x)^\top\rangle - \eta\lambda \Xi_l",
        _ANY + ", SGD on any examples with target noise and weight decay",
        _DERIVED,
        "fatheory.theory.deep_reduction.sgd.deep_reduced_sgd",
        "2,000 noisy online steps of a literal loop",
    ),
    Entry(
        "deep_reduction.infinite",
        r"M_l = \mathrm{diag}(a_l M_{l-1}, g_l I),\quad A_L U_{L-1} = 0",
        "independent entries of variance a_l / n_l and g_l / n_l, all hidden widths to infinity",
        _DERIVED,
        "fatheory.theory.deep_reduction.infinite.deep_infinite_width",
        "draws at growing width, of the reduction and of full weights, spread with slope -1/2",
    ),
    Entry(
        "deep_reduction.infinite.signals",
        r"A_l = [\sqrt{a_l}\, J_l,\; \rho_l I],\quad \rho_l^2 = n_{l-1} \mathrm{Var} A_l",
        "the same, layered feedback; errors sent back by backprop and by the rule at every layer, "
        "any ratios of widths",
        _DERIVED,
        "fatheory.theory.deep_reduction.equivalent.equivalent_network",
        "losses and angles of signals, layer by layer, at growing width: slope + 1/2",
    ),
)
