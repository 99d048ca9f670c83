"""Catalogue: feedback alignment and the pseudoinverse."""

from fatheory.theory.statements.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="pseudoinverse.row_space",
        statement=r"W_0(0) = W(0) = 0 \Rightarrow W(t) = Y(t) B^\top,\ "
        r"W (I - B B^+) = 0 \text{ at all } t",
        assumptions="two-layer linear network, feedback alignment, gradient flow, zero start; any "
        "feedback, input covariance and target",
        source="Lillicrap et al. 2016, Supplementary Note 13",
        function="fatheory.theory.pseudoinverse.row_space_residual",
        verified="along integrated flows",
    ),
    Entry(
        id="pseudoinverse.limit",
        statement=r"W_\infty = \tfrac12 U (2S/g)^{2/3} U^\top g B^+,\ "
        r"W_{0,\infty} = B U (2S/g)^{1/3} V^\top,\ "
        r"\angle(W_\infty, B^+) = \arccos\frac{\sum s^{2/3}}{\sqrt{n_o \sum s^{4/3}}},\ "
        r"T = U S V^\top",
        assumptions="as pseudoinverse.row_space, with B^T B = g I and Sigma commuting with T^T T "
        "and positive on the row space of T",
        source="derived for this project; alignment with B^+: Lillicrap et al. 2016, "
        "Supplementary Notes 13-14",
        function="fatheory.theory.pseudoinverse.feedback_alignment_limit",
        verified="against the integrated flow at long times",
    ),
    Entry(
        id="pseudoinverse.gauss_newton",
        statement=r"W^+ e = \lim_{\lambda \to 0} (W^\top W + \lambda I)^{-1} W^\top e: "
        r"\text{the minimiser of } |e - W\, dh| \text{ of least norm}",
        assumptions="linear output y = W h; any rank of W",
        source="Lillicrap et al. 2014 (arXiv 1411.0247), pseudobackprop",
        function="fatheory.theory.pseudoinverse.gauss_newton_signal",
        verified="against damped Gauss-Newton steps, a complete orthogonal factorisation, and "
        "random competitors",
    ),
    Entry(
        id="pseudoinverse.conveyor",
        statement=r"e^\top W W^+ e = |\Pi e|^2 \ge 0,\quad \cos\angle(W W^+ e, e) = |\Pi e|/|e| "
        r"\ge \cos\angle(W V e, e) \text{ for every } V",
        assumptions="Pi the orthogonal projector on the range of W",
        source="Lillicrap et al. 2016, Supplementary Note 15; the bound is derived for this "
        "project",
        function="fatheory.theory.pseudoinverse.conveyed_error",
        verified="against projections by QR, over random W, V and e",
    ),
)
