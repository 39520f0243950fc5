"""Every block passes Prefect's own suite for blocks."""

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite

from agentic_prefect import blocks


@pytest.mark.parametrize("block", [getattr(blocks, name) for name in blocks.__all__], ids=lambda block: block.__name__)
class TestBlocks(BlockStandardTestSuite):
    """The suite, for each block."""

    @pytest.fixture
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        """The block at hand."""
        found: type[Block] = request.param
        return found

    @pytest.mark.skip(reason="the blocks have no logo: it would be fetched from an address of somebody else's")
    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """Prefect shows its own picture for a block without one."""
