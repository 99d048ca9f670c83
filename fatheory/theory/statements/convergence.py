"""Catalogue: where, and how fast, linear feedback alignment converges."""

from fatheory.theory.statements.entry import Entry

_SOURCE = "derived for this project"
_NETWORK = "two-layer linear network, feedback alignment, gradient flow"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="convergence.global",
        statement=r"L(t) \le \frac{\mathrm{tr}\, B E_0 \Sigma E_0^\top B^\top}"
        r"{2 \sigma_{\min}(B)^2}\, e^{-\lambda_{\min}(C) \lambda_{\min}(\Sigma) t},\quad "
        r"C = B W + (B W)^\top - W_0 W_0^\top",
        assumptions=f"{_NETWORK}; C positive on the range of B; any target",
        source=_SOURCE,
        function="fatheory.theory.convergence.convergence_certificate",
        verified="bound against integrated flows; tight for small targets",
    ),
    Entry(
        id="convergence.bounded",
        statement=r"C \ge 0 \text{ on } R(B) \Rightarrow "
        r"\tfrac{d}{dt} \mathrm{tr}\, B E \Sigma E^\top B^\top \le 0,\ E \to 0",
        assumptions=f"{_NETWORK} with bounded weights; B of full column rank, Sigma positive "
        "definite; zero start is a case (C = 0)",
        source="Lillicrap et al. 2016, Supplementary Notes 10-11, for zero start; this form "
        "derived for this project",
        function="fatheory.theory.convergence.convergence_certificate",
        verified="monotone decay and limit along integrated flows",
    ),
    Entry(
        id="convergence.local",
        statement=r"D k(D) \ge \sqrt{2 L_0 \Lambda}/\lambda,\ "
        r"k(D) = (\sqrt n - b D)_+^2 + s - b D (w + b D) > 0 \Rightarrow "
        r"L(t) \le L_0 e^{-2 \lambda k(D) t}",
        assumptions=f"{_NETWORK}; s, n the smallest eigenvalues of sym(W B) and W0^T W0, "
        "lambda and Lambda the extreme ones of Sigma, b = |B|, w = |W0|",
        source=_SOURCE,
        function="fatheory.theory.convergence.convergence_certificate",
        verified="bound against integrated flows, from points along them",
    ),
    Entry(
        id="convergence.linearised",
        statement=r"\dot E = -(E \Sigma W_0^\top W_0 + W B E \Sigma);\quad "
        r"\sqrt{2 L} \sim e^{-\rho t},\ \rho = \min \mathrm{Re}\,\mathrm{spec}\,\mathcal L_\infty",
        assumptions=f"{_NETWORK}; at a rest point with E = 0, over the directions that the start "
        "reaches",
        source=_SOURCE,
        function="fatheory.theory.decay.linearised_rate",
        verified="against rates fitted to integrated flows, and the closed form for B^T B = g I",
    ),
    Entry(
        id="bottleneck.limit",
        statement=r"W W_0 \Sigma^{1/2} \to T \Sigma^{1/2} \tilde\Pi,\quad "
        r"L_\infty = \tfrac12 \|T \Sigma^{1/2} (I - \tilde\Pi)\|^2,\quad "
        r"\tilde\Pi \text{ the projector on the rows of } B T \Sigma^{1/2}",
        assumptions=f"{_NETWORK}; B of any rank and any number of hidden units; every rest point "
        "if B T Sigma^(1/2) has rank n_h, else zero start",
        source="derived for this project; Garg & Vempala 2021 (arXiv 2111.08706) for "
        "suboptimality; Hanut & Kadmon 2025 (arXiv 2502.20580) for feedback of low rank",
        function="fatheory.theory.bottleneck.bottleneck_limit",
        verified="against the integrated flow at long times, from zero and from small starts",
    ),
)
