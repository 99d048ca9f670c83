"""The exceptions of fatheory.

All of them derive from `FatheoryError`, so one ``except`` clause catches what the toolkit
refuses and nothing else. Messages say what was wrong, the value received, what was allowed,
and what to do.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence

from fatheory.machine import size_text


class FatheoryError(Exception):
    """Base class of everything that fatheory raises on purpose."""


class InvalidExperimentError(FatheoryError, ValueError):
    """A description that cannot be carried out.

    Parameters
    ----------
    subject : str
        What was described, such as ``"Experiment"``.
    problems : sequence of (str, str)
        Where each problem sits (a dotted path, empty for the whole) and what it is.
    """

    def __init__(self, subject: str, problems: Sequence[tuple[str, str]]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        lines = [f"{path}: {message}" if path else message for path, message in self.problems]
        super().__init__(f"invalid {subject}\n" + "\n".join(f"  {line}" for line in lines))


class UnknownNameError(FatheoryError, ValueError):
    """A name that is not in a closed list; the message lists the known ones and the nearest.

    Parameters
    ----------
    kind : str
        What was named, such as ``"rule"``.
    name : str
        The name received.
    known : iterable of str
        The names that exist.
    broken : sequence of str
        Why packages that might bring the name could not be loaded.
    """

    def __init__(
        self, kind: str, name: object, known: Iterable[str], broken: Sequence[str] = ()
    ) -> None:
        told = "".join(f"; {problem}" for problem in broken)
        super().__init__(f"unknown {kind} {name!r}{suggestion(name, known)}{told}")


class WrongKindError(FatheoryError, TypeError):
    """Something of another kind was given, such as a path where an experiment is asked for."""


class ArrayError(FatheoryError, ValueError):
    """An array of the wrong shape, with entries that are not finite, or otherwise unfit."""


class RegimeError(FatheoryError, ValueError):
    """An equation asked about a case outside its assumptions; the message names them."""


class ProofError(FatheoryError):
    """A symbolic statement that could not be reduced to true."""


class ArchiveError(FatheoryError):
    """A run archive that cannot be read, written or trusted."""


class SchemaError(ArchiveError):
    """A run archive of another schema version, or one that does not follow its schema.

    Parameters
    ----------
    problems : sequence of str
        Everything that was found wrong.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"not a valid run archive{lines}")


class IncompleteArchiveError(ArchiveError):
    """A folder that fatheory did not write, or did not write to the end."""


class DamagedArchiveError(ArchiveError):
    """An archive whose files are not those that were written."""


class ArchiveWriteError(ArchiveError):
    """An archive or export that could not be written; what stood there before is untouched."""


class MemoryEstimateError(FatheoryError):
    """A run that would not fit into memory, refused before it starts.

    Parameters
    ----------
    needed : mapping of str to int
        Estimated bytes by part.
    available : int
        Bytes that are free.
    """

    def __init__(self, needed: Mapping[str, int], available: int) -> None:
        self.needed, self.available = dict(needed), available
        parts = sorted(needed.items(), key=lambda part: -part[1])
        listed = ", ".join(f"{name} {size_text(size)}" for name, size in parts)
        super().__init__(
            f"the run needs about {size_text(sum(needed.values()))} ({listed}), and "
            f"{size_text(available)} are free: ask for fewer seeds or rules, narrower hidden "
            f"layers, fewer snapshots or probe samples, or do not record 'weights' or "
            f"'teaching_signals'"
        )


class DiskEstimateError(FatheoryError):
    """A run whose archive would not fit on the disk, refused before it starts.

    Parameters
    ----------
    needed : mapping of str to int
        Estimated bytes by part.
    available : int
        Bytes that are free.
    target : path
        Where it was to go.
    """

    def __init__(self, needed: Mapping[str, int], available: int, target: object) -> None:
        self.needed, self.available, self.target = dict(needed), available, target
        parts = sorted(needed.items(), key=lambda part: -part[1])
        listed = ", ".join(f"{name} {size_text(size)}" for name, size in parts)
        super().__init__(
            f"the archive will take about {size_text(sum(needed.values()))} ({listed}), and "
            f"{size_text(available)} are free at {target}: ask for fewer snapshots, seeds or "
            f"rules, do not record 'weights' or 'teaching_signals', or choose another place"
        )


class PluginError(FatheoryError, ValueError):
    """A part of another package, or of a notebook, that cannot be had."""


class NotOfferedError(FatheoryError):
    """Something that a quantity needs and the one who looks at the network does not have.

    Parameters
    ----------
    source : str
        Who looks.
    need : str
        What is needed.
    """

    def __init__(self, source: str, need: str) -> None:
        self.source, self.need = source, need
        super().__init__(f"{source} does not offer {need}")


class QuantityError(FatheoryError):
    """A quantity that does not keep what it declares; the message names it and who wrote it."""


class DataError(FatheoryError):
    """A data set that is missing, damaged or not what its name says."""


_OTHER_WORDS = {
    "lr": "learning_rate",
    "eta": "learning_rate",
    "rate": "learning_rate",
    "width": "hidden",
    "n_hidden": "hidden",
    "batch": "batch_size",
    "wd": "weight_decay",
    "nonlinearity": "activation",
    "dtype": "precision",
}
"""What other programs, and papers, call the keys of descriptions."""


def visible(text: str) -> str:
    """Escape what a terminal would obey instead of showing it: controls, marks of direction."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def visible_lines(text: str) -> str:
    """Escape as `visible` does, but for the ends of lines."""
    return "\n".join(map(visible, text.split("\n")))


def suggestion(name: object, known: Iterable[str]) -> str:
    """Say which names exist and which is nearest to `name`, as the end of an error message."""
    names = sorted(known)
    meant = _OTHER_WORDS.get(str(name).lower(), str(name))
    near = difflib.get_close_matches(meant, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{hint} (known: {', '.join(names)})" if names else " (none is known)"


class UnreadableImageError(DataError):
    """An image file that cannot be decoded."""


class FatheoryWarning(UserWarning):
    """Base class of the warnings that fatheory gives, to turn on or off all at once."""


class UnreadableImageWarning(FatheoryWarning):
    """Image files that cannot be decoded and were left out."""


class DiskEstimateWarning(FatheoryWarning):
    """A run whose archive will take most of what is free on the disk."""


class ForeignFilesWarning(FatheoryWarning):
    """Files in an archive's folder that are not part of it, as file managers leave them."""


class CompilationCacheWarning(FatheoryWarning):
    """Compiled programs that cannot be kept, so that every process compiles them anew."""


class LearningRateWarning(FatheoryWarning):
    """A learning rate with which nothing can be learned."""


class QuantityWarning(FatheoryWarning):
    """A quantity of someone's own that is not a number where a network is."""


class PluginWarning(FatheoryWarning):
    """Parts of other packages that cannot be had and were left out."""


class DivergedWarning(FatheoryWarning):
    """Runs that diverged, so that some of the numbers are not there."""


class HiddenValuesWarning(FatheoryWarning):
    """A figure was asked for a scale on which some of its values have no place."""


class UnscaledInputsWarning(FatheoryWarning):
    """Inputs that are whole numbers of 8 or 16 bits, as in image files, and enter as they are."""


class OverwrittenAxisWarning(FatheoryWarning):
    """An axis of a sweep whose labels say what a later axis has put something else in place of."""


class ResumeWarning(FatheoryWarning):
    """A run that goes on in another way than it began."""


class StoppedRun(KeyboardInterrupt):
    """A run that was asked to stop and has stored everything so far; it can be continued.

    Parameters
    ----------
    path : path
        Its archive.
    step, total : int
        How many updates are done, and how many there will be.
    """

    def __init__(self, path: object, step: int, total: int) -> None:
        self.path, self.step, self.total = path, step, total
        super().__init__(
            f"stopped after {step:,} of {total:,} steps; all of it is stored in {path}: the same "
            f"call or command continues from there"
        )


class ClaimError(FatheoryError):
    """The ledger of claims cannot be read: a bound, an entry or a result of another kind."""
