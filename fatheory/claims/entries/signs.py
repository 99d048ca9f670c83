"""The tables of Liao, Leibo & Poggio 2016."""

from collections.abc import Callable, Iterator
from functools import partial

from fatheory.claims import tables
from fatheory.claims.entry import Entry
from fatheory.claims.measured import Measured
from fatheory.claims.results import Results
from fatheory.claims.tables import BM, C1, C2, SETS, SMALL, A, B

_QUICK = (
    "a network of a quarter of the channels, 300 updates, learning rates of a search of 75: not "
    "the paper's size"
)
_QUICK_SMALL = (
    "a network of a quarter of the channels, 30,000 images; of backprop and USF the one of which "
    "it is less true"
)
_FULL = "the full network needs some six hours of two cores a table, or a GPU"
_LARGE = ("full", "paper")
Measure = Callable[[Results], Measured]


def _entries(image_set: str) -> Iterator[Entry]:
    """Make the rows of one image set."""
    title = SETS[image_set]

    def row(
        name: str,
        table: str,
        place: str,
        claim: str,
        measure: Callable[..., Measured],
        **more: object,
    ) -> Entry:
        measured: Measure = partial(measure, image_set=image_set, **more)
        return Entry(
            f"llp.{name}", place, f"{claim.rstrip('.')} ({title}).", table, measured, note=_QUICK
        )

    a = "Abstract (3); Introduction (i); experiment A"
    yield row(
        f"a.bn_bm.{image_set}",
        A,
        a,
        "With BN and BM, strict sign concordance is as good as SGD or better.",
        tables.strict_minus_backprop,
        setting="BN+BM",
        of="SGD",
    )
    yield row(
        f"a.bn.{image_set}",
        A,
        a,
        "With BN alone it is comparable to backprop.",
        tables.strict_minus_backprop,
        setting="BN",
        of="BN",
    )
    yield row(
        f"a.bm_free.{image_set}",
        A,
        "Introduction (ii); experiment A",
        "Magnitudes of weight updates do not matter.",
        tables.backprop_by,
        first="BM",
        second="SGD",
    )
    yield row(
        f"a.needed.{image_set}",
        A,
        "Abstract (4); Introduction (iii)",
        "Without BN and BM asymmetric backpropagation does not work.",
        tables.needed,
    )
    yield row(
        f"a.gradients.{image_set}",
        A,
        "Introduction; Normalizations",
        "Its gradients explode or vanish.",
        tables.gradients,
    )
    yield row(
        f"a.complementary.{image_set}",
        A,
        "Discussion",
        "BN and BM are better together than individually.",
        tables.complementary,
    )
    yield row(
        f"a.bm_helps.{image_set}",
        A,
        "Introduction (vi)",
        "Used with BN, BM often improves the performance.",
        tables.backprop_by,
        first="BN+BM",
        second="BN",
    )
    for rule in ("brsf", "frsf"):
        yield row(
            f"b.declines.{image_set}.{rule}",
            B,
            "Abstract (2); Introduction (v); experiment B",
            f"Performance declines as sign concordance declines, {rule.upper()}-p.",
            tables.least_rise,
            rule=rule,
        )
        yield row(
            f"b.strongly.{image_set}.{rule}",
            B,
            "Introduction; experiment B",
            f"It depends strongly on sign concordance, {rule.upper()}-p.",
            tables.cells_ratio,
            of=B,
            first=("25 %", rule),
            second=("100 %", rule),
        )
    c1 = "Experiment C1"
    signs = ("BN+BM", "usf")
    yield row(
        f"c1.alone.{image_set}",
        C1,
        c1,
        "Fixed random feedback alone does not perform well.",
        tables.cells_ratio,
        of=C1,
        first=("alone", "rndf"),
        second=signs,
    )
    yield row(
        f"c1.bn_helps.{image_set}",
        C1,
        c1,
        "Batch normalisation makes it significantly better.",
        tables.cells_ratio,
        of=C1,
        first=("alone", "rndf"),
        second=("BN", "rndf"),
    )
    yield row(
        f"c1.chance.{image_set}",
        C1,
        "Introduction (v)",
        "With batch normalisation it significantly outperforms chance.",
        tables.over_chance,
    )
    yield row(
        f"c1.worse.{image_set}",
        C1,
        c1,
        "It remains somewhat worse than feedback of the same signs.",
        tables.random_minus_signs,
    )
    yield row(
        f"c1.bm_alone.{image_set}",
        C1,
        c1,
        "It does not work well with BM alone.",
        tables.cells_ratio,
        of=C1,
        first=("BM", "rndf"),
        second=("BN+BM", "rndf"),
    )
    c2 = "Experiment C2"
    yield row(
        f"c2.top.{image_set}",
        C2,
        f"{c2} (i)",
        "Where the last layer alone learns, all models behave similarly.",
        tables.top_alike,
    )
    yield row(
        f"c2.random_fails.{image_set}",
        C2,
        f"{c2} (ii)",
        "With the last layer frozen, random feedback learns no meaningful representations.",
        tables.random_fails,
    )
    yield row(
        f"c2.signs_learn.{image_set}",
        C2,
        f"{c2} (iii)",
        "With the last layer frozen, feedback of the same signs learns good representations.",
        tables.signs_learn,
    )
    for rule in ("backprop", "usf"):
        yield row(
            f"bm.alike.{image_set}.{rule}",
            BM,
            "Miscellaneous experiment",
            f"Settings 1, 2 and 3 of BM perform similarly, {rule}.",
            tables.settings_alike,
            rules=(rule,),
        )
    yield row(
        f"bm.as_sgd.{image_set}",
        BM,
        "Batch Manhattan; introduction (ii)",
        "They perform like SGD.",
        tables.from_sgd,
    )


def _full(name: str, place: str, claim: str, table: str, measure: Measure) -> Entry:
    return Entry(name, place, claim, table, measure, scales=_LARGE, not_run=_FULL)


ENTRIES = (
    *_entries("mnist"),
    *_entries("cifar"),
    _full(
        "llp.full.mnist_strict",
        "Table of Batch Manhattan's settings",
        "On MNIST errors are 0.55 to 1.30 %.",
        A,
        tables.worst_strict,
    ),
    _full(
        "llp.full.mnist_as_good",
        "Abstract (3); experiment A",
        "With BN and BM, strict sign concordance is as good as SGD or better (MNIST).",
        A,
        partial(tables.strict_minus_backprop, image_set="mnist", setting="BN+BM", of="SGD"),
    ),
    _full(
        "llp.full.cifar_as_good",
        "Abstract (3); experiment A",
        "With BN and BM, strict sign concordance is as good as SGD or better (CIFAR-10).",
        A,
        partial(tables.strict_minus_backprop, image_set="cifar", setting="BN+BM", of="SGD"),
    ),
    _full(
        "llp.full.bm_alike",
        "Miscellaneous experiment",
        "Settings 1, 2 and 3 of BM perform similarly (MNIST).",
        BM,
        partial(tables.settings_alike, image_set="mnist", rules=("backprop", "usf")),
    ),
    Entry(
        "llp.small.helps_more",
        "Introduction (vi); Batch Manhattan",
        "BM helps especially with smaller training sets.",
        SMALL,
        tables.small_sets,
        not_run="table_small.py has not been run",
        note=_QUICK_SMALL,
    ),
    Entry(
        "llp.small.tiny_batches",
        "Batch Manhattan",
        "With very small batches BM is sometimes detrimental.",
        SMALL,
        tables.tiny_batches,
        not_run="table_small.py has not been run",
        note=_QUICK_SMALL,
    ),
    Entry(
        "llp.learnable",
        "Batch normalization",
        "Learnable scales and shifts of batch normalisation have a negligible effect.",
        not_decidable="neither a margin nor the cases are given; backprop alone is trained with "
        "them here, as in the paper's entries BN and BN+BM",
    ),
)
