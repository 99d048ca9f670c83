"""Catalogue: linear feedback alignment in closed form."""

from fatheory.theory.statements.entry import Entry

_OWN = "derived for this project"
_WHITE = (
    "two-layer linear network, feedback alignment, gradient flow, Sigma = sigma^2 I, B^T B = g I"
)
_SPECTRAL = f"{_WHITE}, spectral start (fatheory.theory.spectral)"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="modes.zero_start",
        statement=r"\dot x = s - \tfrac g2 x^3,\ y = x^2/2,\ u = x (g/2s)^{1/3}:\ "
        r"t = \frac{x^*}{s}\left[-\tfrac13\ln(1-u) + \tfrac16\ln(1+u+u^2) + \tfrac1{\sqrt3}"
        r"\left(\arctan\tfrac{2u+1}{\sqrt3} - \tfrac\pi6\right)\right]",
        assumptions=f"{_WHITE}, zero start",
        source=_OWN,
        function="fatheory.theory.modes.ModeSolution",
        verified="against the implicit solution at 30 digits, u from 1e-8 to 1 - 1e-14",
    ),
    Entry(
        id="modes.spectral_start",
        statement=r"\dot x = s - g c x - \tfrac g2 x^3,\ y = c + x^2/2,\ c = y_0 - x_0^2/2:\ "
        r"t = \int_{x_0}^x dx / \dot x",
        assumptions=_SPECTRAL,
        source=f"{_OWN}; regimes of c: Girotti, Mitliagkas & Gidel, arXiv 2110.10815",
        function="fatheory.theory.modes.ModeSolution",
        verified="against partial fractions over the roots at 40 digits, random starts",
    ),
    Entry(
        id="modes.restart",
        statement=r"x(t_1 + t_2; x_0, y_0) = x(t_2; x(t_1), y(t_1))",
        assumptions=_SPECTRAL,
        source=_OWN,
        function="fatheory.theory.modes.ModeSolution",
        verified="over random starts, t_2 = infinity included",
    ),
    Entry(
        id="closed_form.weights",
        statement=r"W_0 = B U x V^\top + P,\ W = U y U^\top B^\top + Q + U (x - x_0) V^\top P^\top,"
        r"\ L = \tfrac{\sigma^2}2 \sum (s - g x y)^2",
        assumptions=_SPECTRAL,
        source=_OWN,
        function="fatheory.theory.closed_form.closed_form",
        verified="against the integrated flow of the weights, 24 random problems",
    ),
    Entry(
        id="closed_form.training",
        statement=r"\|W(k\eta) - W_k\| = O(\eta)",
        assumptions=_SPECTRAL,
        source=_OWN,
        function="fatheory.theory.closed_form.closed_form_solution",
        verified="slope in eta against literal batch gradient steps; the residual is |slope - 1|",
    ),
    Entry(
        id="closed_form.angles",
        statement=r"\cos\angle(W, B^\top) = \frac{\sum y}{\sqrt{n_o \sum y^2}},\ "
        r"\cos\angle(Be, W^\top e) = \frac{\sum y \epsilon^2}{|\epsilon|\sqrt{\sum y^2\epsilon^2}},"
        r"\ \epsilon = U^\top e",
        assumptions=f"{_SPECTRAL}; with Q = P = 0, otherwise |W| grows by the orthogonal part",
        source=_OWN,
        function="fatheory.theory.closed_form.ClosedForm.weight_angle",
        verified="against the angles of the full weights, in degrees",
    ),
    Entry(
        id="early_time.weights",
        statement=r"W_0 = B[t T\Sigma - \tfrac{t^4}8 M G T\Sigma^2] + O(t^7),\ "
        r"W = [\tfrac{t^2}2 M - \tfrac{t^5}{40}(N G M + 4 M G N)] B^\top + O(t^8),\ "
        r"M = T\Sigma^2T^\top,\ N = T\Sigma^3T^\top,\ G = B^\top B",
        assumptions="two-layer linear network, feedback alignment, gradient flow, zero start; any "
        "B and Sigma",
        source=_OWN,
        function="fatheory.theory.early_time.early_time",
        verified="order of the remainder along integrated flows; the residual is |slope - order|",
    ),
    Entry(
        id="early_time.angle",
        statement=r"\lim_{t \to 0} \angle(W, B^\top) = \angle(T \Sigma^2 T^\top B^\top, B^\top)",
        assumptions="as early_time.weights",
        source=_OWN,
        function="fatheory.theory.early_time.first_alignment_angle",
        verified="against the integrated flow at t = 1e-4, in degrees",
    ),
    Entry(
        id="chain.solution",
        statement=r"\dot\zeta = \sigma\varepsilon(\zeta),\ "
        r"\varepsilon = s - \prod_l w_l(\zeta),\ \deg w_l = 2^{l-1}",
        assumptions="chain of L scalar weights, feedback alignment without zero feedback; any "
        "start whose limit is a simple zero of the error",
        source=_OWN,
        function="fatheory.theory.chain.ChainSolution",
        verified="against the integrated flow of the L weights, L = 1 to 4",
    ),
    Entry(
        id="chain.zero_start",
        statement=r"t = \frac{\zeta^*}{\sigma s}\,u\,{}_2F_1(1, 1/n; 1 + 1/n; u^n),\ n = 2^L - 1,\ "
        r"t \propto |s|^{-1 + 1/n}",
        assumptions="as chain.solution, zero start",
        source=_OWN,
        function="fatheory.theory.chain.zero_start_time",
        verified="against quadrature, L = 1 to 5; the power by regression",
    ),
    Entry(
        id="mode_order.zero_start",
        statement=r"t_\varphi = C(\varphi)\,(2/g)^{1/3} s^{-2/3},\ g x y = \varphi s",
        assumptions=f"{_WHITE}, zero start",
        source=_OWN,
        function="fatheory.theory.mode_order.learning_times",
        verified="against the crossing times of the modes, and the power by regression",
    ),
    Entry(
        id="mode_order.prescribed",
        statement=r"x_0 = 0:\ \text{for each } t_i \le C (2/g)^{1/3} s_i^{-2/3} "
        r"\text{ there is } y_{0,i} \ge 0 \text{ with which mode } i \text{ is learned at } t_i",
        assumptions=_SPECTRAL,
        source=_OWN,
        function="fatheory.theory.mode_order.start_for_learning_times",
        verified="learning times of the start found",
    ),
    Entry(
        id="mode_order.anti_regularising",
        statement=r"x_0 = 0,\ y_0 \text{ such that } t_i \propto s_i^{+2/3}:\ "
        r"\text{weak modes are learned first}",
        assumptions=_SPECTRAL,
        source=f"phenomenon: Girotti, Mitliagkas & Gidel, arXiv 2110.10815; start {_OWN}",
        function="fatheory.theory.mode_order.anti_regularising_start",
        verified="against the integrated flow of a network",
    ),
)
