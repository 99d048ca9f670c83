"""Settings of a description by dotted key, as the command line's ``--set`` gives them."""

from typing import Any

from fatheory.errors import InvalidExperimentError, suggestion


def set_by_key(data: dict[str, Any], key: str, value: Any) -> None:
    """Set one dotted key in nested dictionaries and lists; a dot inside a label is found too."""
    node: Any = data
    rest = key
    # A later key may set something inside of it, and it belongs to the caller.
    value = _copied(value)
    while "." in rest and rest not in _keys(node):
        # The longest that fits: labels may hold dots, and begin alike.
        head = max((k for k in _keys(node) if rest.startswith(f"{k}.")), key=len, default=None)
        if head is None:
            break
        node = node[int(head) if isinstance(node, list) else head]
        rest = rest[len(head) + 1 :]
    if isinstance(node, list) and rest in _keys(node):
        node[int(rest)] = value
    elif isinstance(node, dict) and (rest in node or "." not in rest):
        node[rest] = value
    else:
        missing = rest.split(".")[0]
        raise InvalidExperimentError(
            "setting", [(key, f"there is no {missing!r} here{suggestion(missing, _keys(node))}")]
        )


def _copied(value: Any) -> Any:
    """Copy lists and dictionaries, and nothing that stands in them, such as large arrays."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def _keys(node: Any) -> list[str]:
    if isinstance(node, dict):
        return list(node)
    return [str(i) for i in range(len(node))] if isinstance(node, list) else []
