"""What the shell offers after Tab."""

import pytest
from typer.testing import CliRunner

from fatheory.cli.app import app


def offered(line, tmp_path):
    """Ask as bash does: the whole line, and the number of the word that is typed."""
    words = line.split(" ")
    environment = {
        "_FATHEORY_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "HOME": str(tmp_path),
    }
    return CliRunner().invoke(app, [], env=environment, prog_name="fatheory").output.split()


@pytest.mark.parametrize(
    ("line", "among", "not_among"),
    [
        ("fatheory run lilli", ["lillicrap2016/fig2"], ["liao2016/table_a"]),
        ("fatheory solve x --method red", ["reduced", "reduced_sgd"], ["flow"]),
        ("fatheory list liao", ["liao2016/table_a"], ["lillicrap2016/fig2"]),
        ("fatheory sweep run lilli", ["lillicrap2016/fig2"], []),
        ("fatheory plot x --kind heat", ["heatmap"], ["curves"]),
        ("fatheory run lillicrap2016/fig2 --set netw", ["network.hidden="], ["seeds="]),
        (
            "fatheory run lillicrap2016/fig2 --set rules.backprop.rule=f",
            ["rules.backprop.rule=feedback_alignment"],
            ["rules.backprop.rule=usf"],
        ),
        ("fatheory sweep run lillicrap2016/fig2 --axis rules.*", ["rules.*.learning_rate="], []),
        ("fatheory plot nowhere.zarr --variable lo", [], ["loss"]),
    ],
)
def test_what_begins_so_is_offered(line, among, not_among, tmp_path):
    found = offered(line, tmp_path)
    assert set(among) <= set(found)
    assert not set(not_among) & set(found)
