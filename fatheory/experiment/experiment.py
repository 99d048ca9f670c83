"""The experiment: what is asked, as one frozen value that theory and simulation both answer."""

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, model_serializer, model_validator

from fatheory.checks import require_kind
from fatheory.errors import ArchiveError, InvalidExperimentError
from fatheory.experiment import migration
from fatheory.experiment.conflicts import conflicts
from fatheory.experiment.description import (
    AS_MAPPING,
    NOT_EMPTY,
    Description,
    Seed,
    Text,
    rows,
    whole,
)
from fatheory.experiment.json_text import text_digest
from fatheory.experiment.network import Network
from fatheory.experiment.own_start import OwnStart
from fatheory.experiment.packages import packages_of
from fatheory.experiment.pairs import Pairs
from fatheory.experiment.record import Record
from fatheory.experiment.rule_choice import RuleChoice, rule_choices
from fatheory.experiment.schedule import Schedule, Update
from fatheory.experiment.settings import set_by_key
from fatheory.experiment.task import Task
from fatheory.labels import ATTR_EXPERIMENT, ATTR_SCHEMA, ATTR_SWEEP
from fatheory.markup import heading, table
from fatheory.quantities import former_sources

MAX_SEEDS = 1_000_000
"""More than any study asks for at once; a slip of the keyboard should not fill the memory."""


def _seed_list(value: Any) -> Any:
    """Read a number of seeds as the seeds 0 ... n-1."""
    value = whole(value)
    # Not `isinstance`: True is an int, too.
    if type(value) is not int:
        return value
    if not 0 < value <= MAX_SEEDS:
        raise ValueError(f"a number of seeds lies between 1 and {MAX_SEEDS}; got {value}")
    return tuple(range(value))


class Experiment(Description):
    """What is asked: a task, a network, rules, a schedule, seeds, and what to record.

    The same value goes to `fatheory.simulate` and `fatheory.solve`. It is frozen, compares by
    content, round-trips through JSON, and has a content hash.

    Attributes
    ----------
    name : str
        For people; not part of the content hash.
    task : LinearTask, QuadraticTask, TeacherTask, ImageTask or ArrayTask
        What is to be learned.
    network : DenseNetwork, ConvolutionalNetwork or SpikingNetwork
        What learns.
    rules : mapping of str to RuleChoice
        From a label (the coordinate ``rule`` of archives) to a rule with learning rate and
        parameters; ``experiment.rules["backprop"]`` is one. A number is a learning rate, and a
        label that is a rule's name needs no ``rule``: ``{"backprop": 0.02, "frsf 75 %": {"rule":
        "frsf", "learning_rate": 0.01, "concordance": 0.75}}``.
    schedule : Schedule
        Phases, batch size, and how learning rates fall.
    update : Update
        SGD or Batch Manhattan, momentum and weight decay.
    record : Record
        What is stored, and when.
    seeds : int or tuple of int
        Each draws its own target, start weights, feedback and examples; a number n means
        0 ... n-1.
    root_seed : int
        Common root of all random streams.
    precision : str
        ``float32`` or ``float64``, of training; theory always computes in float64.
    initial : OwnStart, optional
        Start weights, biases and feedback as arrays, instead of those that would be drawn.

    Raises
    ------
    InvalidExperimentError
        If anything is unknown, missing, out of range or does not fit together.
    """

    name: Text = ""
    task: Task
    network: Network
    rules: Annotated[
        tuple[tuple[Text, RuleChoice], ...],
        NOT_EMPTY,
        BeforeValidator(rule_choices),
        AfterValidator(Pairs),
        AS_MAPPING,
    ]
    schedule: Schedule
    update: Update = Update()
    record: Record = Record()
    seeds: Annotated[tuple[Seed, ...], NOT_EMPTY, BeforeValidator(_seed_list)] = (0,)
    root_seed: Seed = 0
    precision: Literal["float32", "float64"] = "float32"
    initial: OwnStart | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "Experiment":
        problems = list(conflicts(self))
        if problems:
            raise InvalidExperimentError("Experiment", problems)
        return self

    @model_serializer(mode="wrap")
    def _rules_as_mapping(self, handler: Any) -> dict[str, Any]:
        said = handler(self)
        # What earlier versions did not know is not written where it is not used.
        if said.get("initial") is None:
            said.pop("initial", None)
        return said | {"rules": {label: choice.model_dump() for label, choice in self.rules}}

    @property
    def rule_labels(self) -> tuple[str, ...]:
        """Labels of the rules, in order."""
        return tuple(label for label, _ in self.rules)

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """Learning rates of the rules, in order."""
        return tuple(choice.learning_rate for _, choice in self.rules)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Rows, columns and colours of the inputs; empty where they are no images."""
        return self.task.image_shape

    @property
    def activity_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of what layers 1 to L hand on: (unit,), or (row, column, channel)."""
        return self.network.activity_shapes(self.image_shape, self.task.outputs)

    @property
    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of W_1 ... W_L: (unit, unit below), or (channel, channel below, row, column)."""
        task = self.task
        return self.network.weight_shapes(self.image_shape, task.inputs, task.outputs)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of units: input, hidden layers as they hand on, output."""
        return (self.task.inputs, *(math.prod(shape) for shape in self.activity_shapes))

    @property
    def probe_samples(self) -> int:
        """Number of samples on which teaching signals are measured."""
        return self.task.probe_size(self.record.probe_samples)

    @property
    def layers(self) -> int:
        """Number of weight layers L."""
        return self.network.layers

    @property
    def snapshot_steps(self) -> tuple[int, ...]:
        """The recorded steps."""
        return self.record.grid(self.schedule.steps, self.schedule.ends)

    @property
    def weight_steps(self) -> tuple[int, ...]:
        """The recorded steps at which weights are kept, if they are recorded; the last always."""
        return self.record.weight_steps(self.snapshot_steps)

    def canonical(self) -> dict[str, Any]:
        """Return what differs from the defaults, without the name, as it is hashed."""
        own = super().canonical()
        # A name changes no number, so a run that is renamed is found again.
        own.pop("name", None)
        return own

    @property
    def content_hash(self) -> str:
        """Sixteen hexadecimal digits; equal experiments have equal ones.

        They change with anything but the name, the order of rules, and what is left to defaults.
        """
        return text_digest(self._identity)

    @property
    def former_hashes(self) -> tuple[str, ...]:
        """What earlier versions called `content_hash`, by which they named what they kept."""
        content = self.model_dump(mode="json", exclude={"name"})
        former = former_sources(dict(self.record.sources))
        others = [self.replaced(record=content["record"] | {"sources": each}) for each in former]
        return (migration.first_hash(content), *(other.content_hash for other in others))

    def to_json(self, indent: int | None = None) -> str:
        """Write the experiment as JSON, complete with defaults.

        ``version`` is that of the description, and ``packages`` says where parts come from that
        are not fatheory's, if there are any.
        """
        packages = packages_of(self)
        head = {"version": migration.VERSION} | ({"packages": packages} if packages else {})
        return json.dumps(head | self.model_dump(mode="json"), indent=indent)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Experiment":
        """Read what `to_json` wrote, this version's or an earlier one's.

        Raises
        ------
        InvalidExperimentError
            If the text is not JSON, gives a key twice, does not describe an experiment, is of a
            later version, or names parts of packages that are not here.
        """
        require_kind("text", text, (str, bytes))
        return cls(**migration.read_description("Experiment", text))

    @classmethod
    def from_archive(cls, archive: Any) -> "Experiment":
        """Read the experiment that an archive answers, with the arrays of its own that it holds.

        Parameters
        ----------
        archive : Dataset
            A run archive, or a sweep's.

        Raises
        ------
        ArchiveError
            If it holds no description of an experiment.
        SchemaError
            If it is of another schema version, in which names may mean other things.
        InvalidExperimentError
            As `from_json`.
        DataError
            If its arrays are not those that the description names.
        """
        if ATTR_SCHEMA in archive.attrs:  # sweeps, and selections that lost it, say nothing of it
            # Here, for Zarr takes its time to import, and descriptions do without.
            from fatheory.archive import require_version

            require_version(archive)
        experiment = cls.from_attributes(archive.attrs)
        if experiment is None:
            raise ArchiveError("the archive holds no description of an experiment")
        experiment.take_arrays(archive)
        return experiment

    def take_arrays(self, archive: Any) -> None:
        """Take the arrays of one's own that an archive of this experiment holds.

        Raises
        ------
        DataError
            If they are others than those that the description names.
        """
        self.task.take_examples(archive, self.root_seed)
        if self.initial is not None:
            self.initial.take(archive)

    @property
    def belongings(self) -> list[Any]:
        """What it needs beside its description, each with a ``digest``, in another process."""
        of_task = [] if self.task.belongings is None else [self.task.belongings]
        return [*of_task, *(() if self.initial is None else self.initial.belongings)]

    @property
    def has_arrays(self) -> bool:
        """Whether all arrays of one's own that it names are at hand in this process."""
        start = self.initial
        return self.task.at_hand and (start is None or start.complete(self.rule_labels, self.seeds))

    @classmethod
    def from_attributes(cls, attrs: Mapping[str, Any]) -> "Experiment | None":
        """Read the experiment that an archive's attributes name, a sweep's included; or None."""
        text, swept = attrs.get(ATTR_EXPERIMENT), attrs.get(ATTR_SWEEP)
        if isinstance(text, str):
            return cls.from_json(text)
        if isinstance(swept, str):
            found = migration.of_sweep(migration.read_description("Sweep", swept))
            return cls(**found["experiment"])
        return None

    @model_validator(mode="before")
    @classmethod
    def _of_any_version(cls, data: Any) -> Any:
        return migration.migrated(data) if isinstance(data, Mapping) else data

    def with_settings(self, settings: Mapping[str, Any]) -> "Experiment":
        """Return a copy with values changed by dotted key, as the command line's ``--set`` does.

        Parameters
        ----------
        settings : mapping
            Such as ``{"rules.backprop.learning_rate": 0.01, "network.hidden": [50]}``.

        Raises
        ------
        InvalidExperimentError
            If a key does not exist or the result is not valid.
        """
        require_kind("settings", settings, Mapping)
        data = self.model_dump(mode="json")
        for key, value in settings.items():
            require_kind("a setting's key", key, str)
            if key.partition(".")[0] in migration.HEAD:
                raise InvalidExperimentError("setting", [(key, "is no setting of experiments")])
            set_by_key(data, key, value)
        return type(self)(**data)

    def with_learning_rates(self, rates: Mapping[str, float]) -> "Experiment":
        """Return a copy in which these rules, by label, have these learning rates.

        Raises
        ------
        InvalidExperimentError
            If there is no such rule, or a rate is not valid.
        """
        return self.with_settings({f"rules.{rule}.learning_rate": r for rule, r in rates.items()})

    def lengthened(self, steps: int, snapshots: int = 50) -> "Experiment":
        """Return the experiment that goes on: the same for so many steps more.

        The last phase becomes longer; where updates have a memory, which a run that goes on from
        an archive does not have, a phase like it follows instead, and begins without. What was
        recorded stays so, which ``record.steps`` then lists, and steps of equal distance follow.

        Parameters
        ----------
        steps : int
            How many steps more.
        snapshots : int
            How many of them are recorded, the last one included.

        Examples
        --------
        >>> import fatheory as fa
        >>> fa.presets["lillicrap2016/fig2"].lengthened(100).schedule.steps
        2100
        """
        for name, value in (("steps", steps), ("snapshots", snapshots)):
            if type(value) is not int or value < 1:
                raise InvalidExperimentError("lengthened", [(name, f"is 1 or more; got {value!r}")])
        *others, last = self.schedule.phases
        if self.update.memories:
            phases = (*others, last, last.replaced(steps=steps))
        else:
            phases = (*others, last.replaced(steps=last.steps + steps))
        done = self.schedule.steps
        # A set: with more snapshots than steps several fall on one.
        later = {done + round(steps * k / snapshots) for k in range(1, snapshots + 1)}
        return self.replaced(
            schedule=self.schedule.replaced(phases=phases),
            record=self.record.replaced(steps=tuple(sorted({*self.snapshot_steps, *later}))),
        )

    def __repr__(self) -> str:
        title = f"Experiment {self.name!r}" if self.name else "Experiment"
        lines = [f"  {key}: {value}" for key, value in rows(self) if key != "name"]
        return "\n".join([f"{title} [{self.content_hash}]", *lines])

    __str__ = __repr__

    def _repr_html_(self) -> str:
        told = [(key, value) for key, value in rows(self) if key != "name"]
        return heading("Experiment", self.name, code=self.content_hash) + table(told)
