"""The kinds of tasks by name: fatheory's own, those of installed packages, those of a session."""

from typing import Any

from fatheory.registry import Registry


def _kind(task: Any) -> str:
    return task.model_fields["kind"].default


def _unfit(part: Any) -> str:
    fields = getattr(part, "model_fields", None)
    if not isinstance(part, type) or fields is None:
        return "is not a subclass of fatheory.experiment.DrawnTask"
    if not {"inputs", "outputs", "noise", "samples"} <= set(fields) or not hasattr(part, "draw"):
        return "is not a subclass of fatheory.experiment.DrawnTask"
    if "kind" not in fields or not isinstance(fields["kind"].default, str):
        return "has no field kind whose default is its name, as in kind: Literal['x'] = 'x'"
    return ""


TASKS: Registry[Any] = Registry("kind of task", "fatheory.tasks", [], unfit=_unfit, name_of=_kind)
"""All kinds of tasks. A package adds one by an entry point of the group ``fatheory.tasks`` that
names a subclass of `fatheory.experiment.DrawnTask`, a notebook by `register`. Descriptions, a room
above, bring fatheory's own."""

register = TASKS.register
