import pytest
from comparable import archive, decay, off


@pytest.fixture
def theory():
    return archive(decay, source="theory/flow")


@pytest.fixture
def simulation():
    return archive(off(0.1))
