"""Results about networks of any depth."""

from fatheory.theory.statements.entry import Entry

_ANY = "linear network, any depth, any input covariance, any start"
_DERIVED = "derived for this project"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "deep.flow",
        r"\dot W_l = P_l (W_{l-1} \cdots W_1)^\top,\quad P_{l-1} = V_l^\top P_l,\quad "
        r"P_L = E \Sigma",
        _ANY + ", layered rule; time is learning rate times step",
        "Lillicrap et al. 2016, Supplementary Notes; chain rule",
        "fatheory.theory.deep.deep_flow",
        "two-layer flow at depth 2; SGD loop, slope 1 in the learning rate",
    ),
    Entry(
        "deep.direct",
        r"\dot W_l = F_l E \Sigma (W_{l-1} \cdots W_1)^\top,\quad F_L = I",
        _ANY + ", direct feedback alignment",
        "Refinetti et al. 2021, arXiv 2011.12428",
        "fatheory.theory.fields.direct_flow_field",
        "two-layer flow at depth 2; SGD loop, slope 1 in the learning rate",
    ),
    Entry(
        "deep.equivalence",
        r"F_l = B_{l+1} \cdots B_L \Rightarrow \mathrm{DFA}(F) = \mathrm{FA}(B)",
        "linear network, any depth; the flow and every discrete step",
        _DERIVED,
        "fatheory.theory.layers.direct_from_layered",
        "both flows, from layered to direct feedback and back",
    ),
    Entry(
        "deep.invariant.flow",
        r"B_{l+1} W_{l+1} + (B_{l+1} W_{l+1})^\top - W_l W_l^\top = \mathrm{const}",
        _ANY + ", feedback alignment, or direct feedback with B_{l+1} = F_l F_{l+1}^+, which needs "
        "full column rank of F_2 ... F_{L-1}",
        _DERIVED + "; Lillicrap et al. 2016, Supplementary Note 11, for one hidden layer",
        "fatheory.theory.deep_invariants.layer_invariants",
        "along integrated flows of depth 3 and 4",
    ),
    Entry(
        "deep.invariant.discrete",
        r"\Delta C_l = -\Delta W_l \Delta W_l^\top",
        "linear network, any depth, simultaneous updates, any batch, loss and learning rate",
        _DERIVED,
        "fatheory.theory.deep_invariants.layer_invariant_changes",
        "1,000 online SGD steps of a literal loop",
    ),
    Entry(
        "deep.invariant.backprop",
        r"\Delta (W_{l+1}^\top W_{l+1} - W_l W_l^\top) = "
        r"\Delta W_{l+1}^\top \Delta W_{l+1} - \Delta W_l \Delta W_l^\top",
        "linear network, any depth, backprop; conserved by the flow",
        "Saxe et al. 2014, arXiv 1312.6120 (flow); " + _DERIVED + " (discrete)",
        "fatheory.theory.deep_invariants.layer_invariants",
        "along integrated flows; 1,000 online SGD steps of a literal loop",
    ),
    Entry(
        "deep.invariant.units",
        r"\Delta [2 (B_{l+1} W_{l+1})_{ii} - |w_{l,i}|^2 - b_{l,i}^2] = "
        r"-|\Delta w_{l,i}|^2 - \Delta b_{l,i}^2",
        "positively homogeneous units (ReLU, leaky ReLU), biases, any depth, batch and loss",
        _DERIVED + "; trace: Robertson & Koyejo 2023, arXiv 2306.01870",
        "fatheory.theory.deep_invariants.unit_invariant_changes",
        "1,000 SGD steps of a literal ReLU loop, squared error and cross-entropy",
    ),
    Entry(
        "deep.weak_alignment",
        r"W_1 = F_1 A_1,\quad W_l = F_l A_l F_{l-1}^\top,\quad W_L = A_L F_{L-1}^\top",
        "linear network, direct feedback alignment, zero start (small start: to its order)",
        "Refinetti et al. 2021, arXiv 2011.12428, section 3",
        "fatheory.theory.weak_alignment.weak_alignment",
        "integrated flow from zero; slope 1 in the size of the start",
    ),
    Entry(
        "deep.modes",
        r"\dot \tau = \sigma (s - a_L(\tau) \cdots a_1(\tau)),\quad "
        r"a_l = a_l(0) + f_l \int_0^\tau a_{l-1} \cdots a_1",
        "feedback alignment or direct feedback, spectral start, U^T F_l^T F_l U diagonal",
        _DERIVED,
        "fatheory.theory.deep_modes.deep_modes",
        "integrated matrix flow of depth 2, 3 and 4",
    ),
    Entry(
        "deep.modes.time",
        r"t = \frac{1}{\sigma} \sum_i \frac{\ln(1 - \tau / r_i)}{\varepsilon'(r_i)},\quad "
        r"t = \frac{\tau}{\sigma s}\, {}_2F_1(1, 1/n; 1 + 1/n; (\tau / \tau^*)^n)",
        "one mode, spectral start; the second form from zero, n = 2^L - 1",
        _DERIVED,
        "fatheory.theory.deep_mode.DeepMode.time_at",
        "integrated clock; partial fractions against the hypergeometric form; section 4 at L = 2",
    ),
)
