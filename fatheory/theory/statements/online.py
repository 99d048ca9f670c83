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
        "online.shallow",
        r"D_a \leftarrow D_a (1 - 2 \eta q_a + 2 \eta^2 q_a^2) "
        r"+ \eta^2 q_a \left(\sum_b q_b D_b + r\right)",
        "two-layer linear network of which only the output learns, one Gaussian example a step, "
        "any covariance, start, target noise and learning rate",
        "Horowitz & Senne 1981",
        "fatheory.theory.online.shallow.shallow_mean_loss",
        "20,000 literal runs",
    ),
)
