"""Infinitely wide networks."""

from fatheory.theory.statements.entry import Entry

_DERIVED = "derived for this project"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "wide.lazy",
        r"\dot f = K (y - f),\quad K = \sum_k r^k M_k,\quad "
        r"M_k = \Phi^{L-k} \circ \dot\Phi^{L-k+1} \circ \cdots \circ \dot\Phi^L",
        "infinite width, entries from N(0, 1), lazy scaling, any depth; r is the cosine of the "
        "angle between feedback and forward weights",
        "Jacot et al. 2018, arXiv 1806.07572 (backprop); Bordelon & Pehlevan 2022, arXiv "
        "2210.02157 (feedback alignment); sign-concordant rules: " + _DERIVED,
        "fatheory.theory.wide.lazy_kernel.lazy_kernel",
        "kernels measured in networks of growing width, slope -1/2; averages and whole kernels "
        "against two-dimensional quadrature, pair by pair",
    ),
    Entry(
        "wide.lazy.direct",
        r"K = M_0 + \rho M_1",
        "the same, direct feedback alignment; rho correlates the last feedback with the readout",
        "Bordelon & Pehlevan 2022, arXiv 2210.02157",
        "fatheory.theory.wide.rule_coefficients.rule_coefficients",
        "networks of growing width, slope -1/2; plain quadrature, pair by pair",
    ),
    Entry(
        "wide.lazy.outputs",
        r"f(k) = y + (1 - \eta K)^k (f_0 - y),\quad "
        r"f_*(k) = f_{*0} + K_* \frac{1 - (1 - \eta K)^k}{K} (y - f_0)",
        "the same; test points, any start, discrete steps or their limit",
        "Jacot et al. 2018, arXiv 1806.07572; Lee et al. 2019, arXiv 1902.06720",
        "fatheory.theory.wide.lazy_dynamics.lazy_outputs",
        "literal steps under the kernel, and under one by plain quadrature; networks of growing "
        "width, slope -1/2",
    ),
    Entry(
        "wide.lazy.limit",
        r"f_*(\infty) = f_{*0} + K_* K^{-1} (y - f_0)",
        "the same, at late times; by Cholesky's factor or conjugate gradients",
        "Jacot et al. 2018, arXiv 1806.07572; Williams & Seeger 2001 (preconditioner)",
        "fatheory.theory.wide.lazy_limit.lazy_limit",
        "both solvers against late outputs by eigenvectors, and against a linear solve with a "
        "kernel by plain quadrature",
    ),
    Entry(
        "wide.lazy.classification",
        r"\epsilon(t) = \frac{1}{P} \sum_p [\arg\max_u f_u(t, x_p) \ne c_p]",
        "the same; outputs of one unit a class, those of the kernel's flow or steps from any start "
        "(from zero: the mean over draws of start weights)",
        "Lee et al. 2019, arXiv 1902.06720",
        "fatheory.theory.wide.classification.lazy_classification_error",
        "counts of wrong answers along literal steps under a kernel by plain quadrature",
    ),
    Entry(
        "wide.threshold",
        r"\lambda_{\min}\left(\sum_k ((2 p_c - 1) c)^k M_k\right) = 0",
        "the same, sign-concordant rules; below p_c some error grows",
        _DERIVED,
        "fatheory.theory.wide.threshold.concordance_threshold",
        "smallest eigenvalue at the threshold; halved intervals with a kernel by plain quadrature; "
        "growth of errors in wide networks",
    ),
    Entry(
        "wide.rich",
        r"h^l(k) = \chi^l(k) + \eta\gamma \sum_{j<k} \Phi^{l-1}(k, j)\, \delta^l(j),\quad "
        r"f(k) = \eta \sum_{j<k} \Phi^L(k, j)\, e(j)",
        "infinite width, feature-learning scaling, feedback independent of forward weights, full "
        "batch; any depth, activation and learning rate",
        "Bordelon & Pehlevan 2022, arXiv 2210.02157; one causal pass: " + _DERIVED,
        "fatheory.theory.wide.dmft.mean_field.dmft",
        "networks of growing width, slope -1/2; the exact reduction of deep linear networks",
    ),
    Entry(
        "wide.rich.alignment",
        r"\cos_l = \frac{\langle \delta^l \cdot g^l\rangle}"
        r"{\sqrt{\langle|\delta^l|^2\rangle \langle|g^l|^2\rangle}},\quad "
        r"g^l = \phi'(h^l) \circ \psi^l",
        "the same; psi is what the forward weights send down, their start through Stein's lemma",
        _DERIVED,
        "fatheory.theory.wide.dmft.true_gradient.TrueGradient",
        "mean cosines of networks, by layer and step",
    ),
)
