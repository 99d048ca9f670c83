"""Asymmetric backpropagation: the tables of Liao, Leibo & Poggio 2016."""

from typing import Any

from fatheory.experiment.convolutional import ConvolutionalNetwork
from fatheory.experiment.decay import StepDecay
from fatheory.experiment.experiment import Experiment
from fatheory.experiment.image_task import ImageTask
from fatheory.experiment.normalization import BatchNormalization
from fatheory.experiment.record import Record
from fatheory.experiment.schedule import Phase, Schedule, Update

CONCORDANCES = (1.0, 0.75, 0.5, 0.25)
_IMAGES, _BATCH, _EPOCHS = 50_000, 100, 60
_QUANTITIES = (
    "classification_error",
    "training_error",
    "delta_angle",
    "gradient_norm",
    "sign_concordance",
    "update_sign_agreement",
    "weight_angle",
    "weight_norm",
)


def liao2016_table_a() -> Experiment:
    """CIFAR-10 by strictly sign-concordant feedback (Liao et al. 2016, experiment A).

    Backprop, USF, BRSF and FRSF with batch normalisation and Batch Manhattan (setting 1), the
    last of the table's four settings: set ``network.normalization`` to null, ``update.manhattan``
    to 0, or both, for the others, and the learning rates that ``paper_figs/liao2016/table_a.py``
    lists. From the paper: ReLU units, convolutions before fully connected layers, softmax,
    unscaled magnitudes (1, or M ~ U[0, 1]), normalisation without scale and shift. Assumptions:
    the network usual for CIFAR-10 (see `ConvolutionalNetwork`), momentum 0.9, weight decay 5e-4,
    batches of 100, 60 epochs with learning rates that fall tenfold after 40 and 55, pixels
    standardised by colour.
    """
    return _signs("table_a", _rates(0.001, "backprop", "usf", "brsf", "frsf"))


def liao2016_table_b() -> Experiment:
    """CIFAR-10 at partial sign concordance (Liao et al. 2016, experiment B).

    As ``liao2016/table_a``: BRSF-p and FRSF-p, with concordance probabilities of 100, 75, 50 and
    25 percent.
    """
    rules = {
        f"{rule} {100 * p:g} %": {"rule": rule, "learning_rate": 0.001, "concordance": p}
        for rule in ("brsf", "frsf")
        for p in CONCORDANCES
    }
    return _signs("table_b", rules)


def liao2016_table_c1() -> Experiment:
    """CIFAR-10 by fixed random feedback (Liao et al. 2016, experiment C1).

    As ``liao2016/table_a``: RndF, V ~ N(0, 0.05^2), beside USF.
    """
    return _signs("table_c1", _rates(0.001, "rndf", "usf"))


def liao2016_table_c2() -> Experiment:
    """CIFAR-10 with the last layer frozen (Liao et al. 2016, experiment C2, "bottom").

    As ``liao2016/table_a``, with the output weights kept at their random start; set
    ``schedule.phases.0.frozen`` to [1, 2, 3, 4] for "top", where only they learn.
    """
    bottom = _signs("table_c2", _rates(0.001, "backprop", "usf", "frsf", "rndf"))
    phases = (Phase(steps=bottom.schedule.steps, frozen=(bottom.layers,)),)
    return bottom.replaced(schedule=bottom.schedule.replaced(phases=phases))


def liao2016_table_bm() -> Experiment:
    """CIFAR-10 by settings of Batch Manhattan (Liao et al. 2016, last experiment).

    As ``liao2016/table_a``: backprop and USF; set ``update.manhattan`` to 0, 1, 2 or 3.
    """
    return _signs("table_bm", _rates(0.001, "backprop", "usf"))


def _rates(rate: float, *rules: str) -> dict[str, Any]:
    # One for all: the tables' scripts search each rule's own.
    return dict.fromkeys(rules, rate)


def _signs(name: str, rules: dict[str, Any]) -> Experiment:
    steps = _EPOCHS * _IMAGES // _BATCH
    return Experiment(
        name=f"liao2016/{name}",
        task=ImageTask(
            dataset="cifar-10",
            train="train+validation",
            evaluation="test",
            preprocessing="standardized",
        ),
        network=ConvolutionalNetwork(normalization=BatchNormalization()),
        rules=rules,
        schedule=Schedule(
            phases=(Phase(steps=steps),),
            batch_size=_BATCH,
            # After 40 and 55 of the 60 epochs.
            decay=StepDecay(at=(2 * steps // 3, 11 * steps // 12)),
        ),
        update=Update(momentum=0.9, weight_decay=5e-4, manhattan=1),
        record=Record(quantities=_QUANTITIES, snapshots=31, probe_samples=500),
        seeds=5,
    )
