"""Results about the gradient flow of the two-layer linear network."""

from fatheory.theory.statements.entry import Entry

_ANY = "two-layer linear network, any input covariance, any start"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "flow",
        r"\dot W_0 = V^\top E \Sigma,\quad \dot W = E \Sigma W_0^\top,\quad E = T - W W_0",
        _ANY + "; V = W, B^T, 0, (W^+)^T or B^T o sign(W); time is learning rate times step",
        "Lillicrap et al. 2016, Supplementary Notes 10-11; Liao, Leibo & Poggio 2016",
        "fatheory.theory.flow.flow",
        "literal fields by Runge-Kutta steps; SGD loop, slope 1 in the learning rate",
    ),
    Entry(
        "invariant.flow",
        r"C = B W + (B W)^\top - W_0 W_0^\top = \mathrm{const}",
        _ANY + ", any target, feedback alignment",
        "Lillicrap et al. 2016, Supplementary Note 11",
        "fatheory.theory.flow.invariant",
        "along integrated flows; drift of SGD has slope 1 in the learning rate",
    ),
    Entry(
        "invariant.discrete",
        r"C_{k+1} = C_k - \Delta W_0 \Delta W_0^\top",
        "linear hidden units, simultaneous updates, any batch, error signal and learning rate",
        "derived for this project",
        "fatheory.theory.flow.invariant",
        "1,000 online SGD steps of a literal loop, noisy targets and a non-linear readout",
    ),
)
