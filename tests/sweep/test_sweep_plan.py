"""Which cells train together: planned from the sweep alone."""

import pytest
from sweep_examples import RATES, sweep

from fatheory.sweep import plan as plan_module
from fatheory.sweep.plan import Plan, rows

WIDTHS = {"width": {"keys": ["network.hidden.0"], "values": [3, 4]}}


def rates(count):
    return {RATES: [0.001 * (i + 1) for i in range(count)]}


def planned(asked):
    return Plan.of(tuple(asked.cells()), asked.shape)


def lengths(asked):
    return [len(batch.hashes) for batch in planned(asked).batches]


def test_every_experiment_is_planned_once():
    asked = sweep(rates(10) | WIDTHS)
    found = [content_hash for batch in planned(asked).batches for content_hash in batch.hashes]
    assert sorted(found) == sorted(cell.content_hash for cell in asked.cells())
    assert planned(asked) == planned(sweep(rates(10) | WIDTHS))


def test_cells_of_one_program_are_together():
    asked = sweep(rates(60) | WIDTHS | {"precision": ["float32", "float64"]})
    plan = planned(asked)
    assert plan.leading == 1  # rows of 4 cells: a width and a precision each
    for batch in plan.batches:
        programs = [(e.network.hidden, e.precision) for e in batch.experiments]
        assert [programs.count(program) for program in set(programs)] == [len(programs) // 4] * 4
    wide = sweep(rates(2) | {"network.hidden": [[n] for n in range(1, 41)]})
    assert planned(wide).leading == 2
    for width, batch in enumerate(planned(wide).batches, start=1):
        assert [e.network.hidden for e in batch.experiments] == [(width,)] * 2


def test_rows_are_what_the_last_axes_span_and_no_longer_than_a_batch():
    def leading(*shape):
        keys = ("root_seed", "task.noise", "update.weight_decay")
        axes = {key: [0, *range(1, n)] for key, n in zip(keys, shape, strict=False)}
        return planned(sweep(axes)).leading

    assert leading(64) == 1
    assert leading(8, 8) == 1
    assert leading(20, 10) == 1
    assert leading(4, 2) == 2
    assert leading(2, 40) == 2
    assert leading(2, 20, 3) == 2
    assert leading(40, 3, 4) == 1


def test_batches_are_whole_rows():
    asked = sweep(rates(20) | {"root_seed": range(10)})
    cells = tuple(asked.cells())
    plan = planned(asked)
    of_rows = [{cell.content_hash for cell in row} for row in rows(cells, 10)]
    for batch in plan.batches:
        assert all(row <= set(batch.hashes) or row.isdisjoint(batch.hashes) for row in of_rows)
    assert lengths(asked) == [20] * 10


def test_where_experiments_are_repeated_no_cells_share_files():
    asked = sweep(rates(64) | {"name": ["a", "b"]})
    assert planned(asked).leading == 2
    assert lengths(asked) == [8] * 8


def test_cells_of_equal_experiments_are_planned_once():
    asked = sweep({"label": {"keys": ["name"], "values": ["a", "b"]}, **rates(3)})
    assert len(list(asked.cells())) == 6
    assert sum(lengths(asked)) == 3


def test_cells_that_are_no_experiments_are_left_out():
    assert sum(lengths(sweep({RATES: [0.1, -1, 0.2]}))) == 2


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (1, [1]),
        (7, [1] * 7),
        (9, [2, 2, 2, 2, 1]),
        (64, [8] * 8),
        (200, [25] * 8),
        pytest.param(400, [31] * 12 + [28], marks=pytest.mark.slow),
    ],
)
def test_batches_leave_work_for_several_workers_and_stay_small(cells, expected):
    assert lengths(sweep(rates(cells))) == expected


def test_large_cells_are_alone(monkeypatch):
    asked = sweep(rates(64))
    work = 2 * 2 * (3 * 4 + 2 * 3) * 30 * 2  # rules, seeds, weights, steps, examples
    monkeypatch.setattr(plan_module, "WORK", 3.5 * work)
    assert lengths(asked) == [3] * 21 + [1]
    monkeypatch.setattr(plan_module, "WORK", 0.5 * work)
    assert lengths(asked) == [1] * 64


def test_cells_that_need_much_memory_are_alone(monkeypatch):
    monkeypatch.setattr(plan_module, "MEMORY", 1)
    assert lengths(sweep(rates(16))) == [1] * 16


def test_what_is_left_of_a_batch():
    batch = planned(sweep(rates(64))).batches[0]
    rest = batch.without(batch.hashes[:5])
    assert (rest.hashes, rest.experiments) == (batch.hashes[5:], batch.experiments[5:])
    assert [alone.hashes for alone in rest.alone()] == [(h,) for h in rest.hashes]
