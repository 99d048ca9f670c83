"""Catalogue: the exact reduction of linear feedback alignment."""

from fatheory.theory.statements.entry import Entry

_SOURCE = "derived for this project"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="reduction.flow",
        statement=(
            r"W_0 = A_0 + B X,\ W = W_i + X A_0^\top + Y B^\top,\ "
            r"\dot X = E \Sigma,\ \dot Y = E \Sigma X^\top,\ X(0) = Y(0) = 0"
        ),
        assumptions="two-layer linear network, feedback alignment, gradient flow; any start, "
        "feedback, input covariance and target",
        source=_SOURCE,
        function="fatheory.theory.reduction.reduced",
        verified="against the integrated flow of the full weights",
    ),
    Entry(
        id="reduction.invariant",
        statement=r"Y + Y^\top = X X^\top \text{ under the flow};\ "
        r"Y_k + Y_k^\top = X_k X_k^\top - \sum_{j<k} \Delta X_j \Delta X_j^\top \text{ under SGD}",
        assumptions="as reduction.flow and reduction.sgd",
        source=_SOURCE,
        function="fatheory.theory.reduction.ReducedSolution",
        verified="along integrated flows, and along SGD recorded at every step",
    ),
    Entry(
        id="reduction.sgd",
        statement=r"\Delta X = \eta \langle e x^\top \rangle,\ \Delta Y = \Delta X X^\top,\ "
        r"e = y^* - W W_0 x",
        assumptions="two-layer linear network, feedback alignment, simultaneous updates, online "
        "or batch; any start, inputs and target noise",
        source=_SOURCE,
        function="fatheory.theory.reduced_sgd.reduced_sgd",
        verified="against a literal loop over the full weights",
    ),
    Entry(
        id="reduction.infinite_width",
        statement=r"n_h \to \infty:\ A_0^\top A_0 \to h I,\ B^\top B \to g I,\ "
        r"|W_i|^2 \to n_o w,\ A_0^\top B, W_i A_0, W_i B \to 0",
        assumptions="as reduction.flow; independent entries of mean 0 and variances h/n_h, w/n_h, "
        "g/n_h of W0, W and B",
        source=_SOURCE,
        function="fatheory.theory.infinite_width.reduced_infinite_width",
        verified="limit of the reduced flow at finite widths, and the flow with feedback and "
        "start whose inner products equal their limits",
    ),
    Entry(
        id="reduction.finite_width",
        statement=r"\mathrm{std}\, L_{n_h}(t) = O(n_h^{-1/2}),\ "
        r"\langle L_{n_h}(t) \rangle - L_\infty(t) = O(n_h^{-1})",
        assumptions="as reduction.infinite_width; L any smooth function of the reduced state",
        source=_SOURCE,
        function="fatheory.theory.infinite_width.reduced_infinite_width",
        verified="exponents regressed over ensembles of finite networks",
    ),
)
