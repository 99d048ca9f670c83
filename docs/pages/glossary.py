"""The glossary of archives: every variable with its dimensions, unit and equation."""

from collections.abc import Iterable
from pathlib import Path

from fatheory import labels
from fatheory.labels import Variable
from fatheory.quantities import known_quantities
from pages.markdown import code, literal, table

DIMENSIONS = {
    labels.RULE: "learning rule, by its label",
    labels.SEED: "seed: target, start weights and feedback are those of this seed in every archive",
    labels.STEP: "update steps; `time` is learning rate times step",
    labels.LAYER: "layer of weights, from 1; the output layer is last",
    labels.SAMPLE: "probe examples",
    "unit_l": "units of layer l; `unit_0` are the inputs",
    labels.SOURCE: "theory or simulation, where both stand together",
}


def glossary_pages(folder: Path) -> dict[str, str]:
    """Return the page of the glossary."""
    del folder
    recorded = {
        name: variable
        for quantity in known_quantities().values()
        for name, variable in quantity.variables.items()
    }
    own = {
        name: variable
        for name in labels.known_names()
        if (variable := labels.describe(name)) and name not in _of_layer_1(recorded)
    }
    dims = table(("dimension", "what"), [(code(k), v) for k, v in DIMENSIONS.items()])
    return {
        "glossary.md": f"""# Glossary of archives

An archive of a run is an xarray Dataset. Its names are these and no others, whatever made it:
`fatheory.labels` has them all.

## Dimensions

{dims}
## Coordinates, and what every run has

`1` in a name stands for the number of a layer.

{_variables(own.items())}
## Quantities that a run can record

`{{layer}}` stands for the number of a layer and `{{below}}` for that of the layer below. `unit_L`
are the output units. Which quantities there are, and what they need, is in the
[lists](lists.md#quantities-to-record).

{_variables(recorded.items())}"""
    }


def _of_layer_1(variables: Iterable[str]) -> set[str]:
    return {name.format(layer=1) for name in variables}


def _variables(variables: Iterable[tuple[str, Variable]]) -> str:
    rows = [
        (
            code(name),
            code(", ".join(variable.dims)),
            literal(variable.units),
            literal(variable.long_name),
            code(variable.equation),
        )
        for name, variable in variables
    ]
    return table(("name", "dimensions", "units", "what", "equation"), rows)
