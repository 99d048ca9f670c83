"""Signatures as help and notebooks show them."""

import inspect

import pytest

import fatheory as fa

ROOMS = {"fatheory": fa, "theory": fa.theory, "metrics": fa.metrics, "plot": fa.plot}


@pytest.mark.parametrize("room", ROOMS)
def test_signatures_name_arrays_and_do_not_spell_their_types(room):
    seen = 0
    for name in dir(ROOMS[room]):
        public = getattr(ROOMS[room], name)
        if not inspect.isfunction(public):
            continue
        said = str(inspect.signature(public))
        assert "numpy._typing" not in said, name
        assert "_SupportsArray" not in said, name
        seen += 1
    assert seen > 2
