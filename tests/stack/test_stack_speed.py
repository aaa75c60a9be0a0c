"""The speed that the stack promises, with room for a slow machine."""

import pytest
from measure_stack import CASES, bulk

PROMISED = {
    "64 KB segments, offload": 2.0,
    "16000-byte frames, checksums": 0.5,
    "9000-byte frames, checksums": 0.5,
}


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(PROMISED))
def test_throughput(case: str) -> None:
    assert bulk(*CASES[case]).gigabits >= PROMISED[case]
