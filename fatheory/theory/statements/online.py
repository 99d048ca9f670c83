"""Online learning of linear networks at finite learning rates."""

from fatheory.theory.statements.entry import Entry

_DERIVED = "derived for this project"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "online.late",
        r"D_a \leftarrow D_a (1 - 2 \eta\,\mathrm{Re}\, g_a + 2 \eta^2 |g_a|^2) "
        r"+ \eta^2 |g_a|^2 \sum_b D_b,\quad "
        r"\frac{d}{dk} \langle \ln L\rangle = \ln A - v / 2",
        "two-layer linear network near a solution, weights almost frozen, one Gaussian example a "
        "step, any input covariance; feedback alignment, backprop and other layered rules",
        _DERIVED + ", after Feuer & Weinstein 1985",
        "fatheory.theory.online.late.late_learning",
        "literal runs at frozen weights; the largest stable rate; the flow at small rates",
    ),
    Entry(
        "online.frozen",
        r"D_{ij} \leftarrow D_{ij} - \eta (G_i D_{ij} + D_{ij} G_j^{\mathsf H}) "
        r"+ \eta^2 G_i (D_{ij} + D_{ij}^\top + \mathrm{tr} D_{ij}) G_j^{\mathsf H}",
        "error map of a two-layer linear network at frozen weights, one Gaussian example a step, "
        "any covariance and rate; layered rules, and node perturbation with its own noise",
        _DERIVED + ", after Feuer & Weinstein 1985",
        "fatheory.theory.online.frozen.frozen_mean_loss",
        "10,000 literal runs under four rules, white and coloured, in standard errors",
    ),
    Entry(
        "online.shallow",
        r"D_a \leftarrow D_a (1 - 2 \eta q_a + 2 \eta^2 q_a^2) "
        r"+ \eta^2 q_a \left(\sum_b q_b D_b + r\right)",
        "two-layer linear network of which only the output learns, one Gaussian example a step, "
        "any covariance, start, target noise and learning rate",
        "Horowitz & Senne 1981",
        "fatheory.theory.online.shallow.shallow_mean_loss",
        "20,000 literal runs",
    ),
    Entry(
        "online.mean_step",
        r"\Delta P = -\eta (M P + P M^\top + 2 S K S^\top) "
        r"+ \eta^2 [(n_i + 2) M P M^\top + \ldots]",
        "order parameters of a two-layer linear network from weights near zero, one Gaussian "
        "example; exact but for terms eta^3 without a factor n_i; feedback alignment, backprop",
        _DERIVED,
        "fatheory.theory.online.mean_step.mean_step",
        "200,000 literal steps, in standard errors",
    ),
    Entry(
        "online.closure",
        r"m \leftarrow m + \langle f \rangle,\quad C \leftarrow (1 + J) C (1 + J)^\top + D,\quad "
        r"\ln L \sim N(\ln \tfrac12 \mathrm{tr} P, C_{\rho\rho})",
        "the whole curve of two-layer linear networks that learn online from weights near zero, "
        "white Gaussian input; Gaussian closure, then rows at nearly frozen weights; an "
        "approximation of order n_o / n_i",
        _DERIVED,
        "fatheory.theory.online.curve.online_learning",
        "200 literal runs (decades of the median); the flow at small rates; the late rate",
    ),
)
