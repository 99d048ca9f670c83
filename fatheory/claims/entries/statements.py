"""Claims that no run of ours can decide: summaries, properties, theorems, predictions."""

from fatheory.claims.entry import Entry

_SUMMARY = "a summary: no list of tasks and no margin is given; the rows of figures decide parts"

# Listed and not left out: a ledger that drops what it cannot decide looks better than it is.
OF_LILLICRAP = (
    Entry(
        "l16.general",
        "Abstract; Discussion, paragraph 1",
        "Random feedback transmits teaching signals across several layers and performs as "
        "effectively as backprop on a variety of tasks.",
        not_decidable=_SUMMARY,
    ),
    Entry(
        "l16.transport",
        "Introduction, last paragraph; Results, paragraph 1",
        "The mechanism avoids all transport of synaptic weights.",
        not_decidable="a property of the algorithm, not a measurement: B is drawn independently of "
        "W and never changes",
    ),
    Entry(
        "l16.any_feedback",
        "Results, 'Random feedback weights can deliver useful teaching signals', paragraph 2",
        "Any B will suffice so long as on average e^T W B e > 0.",
        not_decidable="of any matrix no finite set of runs decides; that the angle of the "
        "teaching signals is below 90 degrees, which is the same inequality, is measured by the "
        "rows of Figs. 2b and 3b",
    ),
    Entry(
        "l16.modulators",
        "Results, 'Random feedback weights can deliver useful teaching signals', paragraph 4",
        "One modulator signal per learning cell is enough.",
        not_decidable="a property of the algorithm, not a measurement",
    ),
    Entry(
        "l16.reinforcement_scales",
        "Introduction, paragraph 2",
        "Rules of a scalar error slow down as the network grows.",
        not_decidable="a result of the papers that are cited there, without a number; Fig. 2's row "
        "on reinforcement is of one size",
    ),
    Entry(
        "l16.converges",
        "Results, 'Insight into the mechanics of feedback alignment', paragraph 1",
        "Under certain conditions the error provably converges to a minimum.",
        not_decidable="a theorem of Supplementary Notes 10-16, which are not in the text at hand; "
        "our own are in the catalogue of theory, with the tests that verify them",
    ),
    Entry(
        "l16.pseudoinverse_useful",
        "Results, 'Insight into the mechanics of feedback alignment', paragraph 2",
        "The pseudoinverse is at least as useful as the transpose for conveying error.",
        not_decidable="a statement of Supplementary Note 15, which is not in the text at hand; "
        "'useful' has no measure in the main text",
    ),
    Entry(
        "l16.brain",
        "Discussion",
        "The backward pathway modulates plasticity at forward synapses, and feedback in the brain "
        "may teach in this way.",
        not_decidable="a prediction about brains",
    ),
)

OF_LIAO = (
    Entry(
        "llp.i",
        "Abstract (1); Introduction (i)",
        "Magnitudes of feedback weights do not matter to performance.",
        not_decidable="a summary over 15 data sets; the rows of table A decide it for two",
    ),
    Entry(
        "llp.iv",
        "Introduction (iv)",
        "Asymmetric backpropagation evades the weight transport problem.",
        not_decidable="a property of the algorithm, not a measurement; of strict sign concordance "
        "it holds for magnitudes alone: signs of the weights are carried back",
    ),
    Entry(
        "llp.fifteen",
        "Abstract",
        "All this holds on 15 data sets, of images and one of speech.",
        not_decidable=_SUMMARY + "; MNIST and CIFAR-10 are at hand",
    ),
    Entry(
        "llp.attenuates",
        "Related work, 2",
        "Credit assignment by asymmetric backpropagation may critically attenuate with depth.",
        not_decidable="a possibility, offered as an explanation, without a measure",
    ),
    Entry(
        "llp.brain",
        "Discussion",
        "If brains do this, forward and backward connections in cortex agree in sign.",
        not_decidable="a prediction about brains",
    ),
)
