"""Which versions of prompts are in use, in a Prefect block, so that it holds for all workers."""

from typing import Any, ClassVar, Final, cast

import httpx
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from pydantic import Field, HttpUrl

from agentic_prefect.blocks.stored_plan import BLOCK_DOCS
from agentic_prefect.models.release import ReleaseEntry
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.release_log import entries_in

SLUG: Final = "agentic-prompt-releases"
NAME: Final = "in-use"
"""The name of the one block."""
_PLACE: Final = f"the block {SLUG}/{NAME}"


class PromptReleasesBlock(Block):
    """Every change of which version of a prompt is in use. Kept by `agentic-prefect prompts rollout` and `rollback`.

    Example:
        Load what is in use:
        ```python
        from agentic_prefect.blocks import PromptReleasesBlock

        kept = PromptReleasesBlock.load("BLOCK_NAME")
        print([entry.template for entry in kept.entries()])
        ```
    """

    _block_type_name: ClassVar[str | None] = "Agentic Prompt Releases"
    _block_type_slug: ClassVar[str | None] = SLUG
    _description: ClassVar[str | None] = "Which versions of prompts for LLM agent tasks are in use."
    _documentation_url: ClassVar[HttpUrl | None] = BLOCK_DOCS

    text: str = Field(default="", description="A line of JSON for each change, the oldest first.")

    def entries(self) -> tuple[ReleaseEntry, ...]:
        """Every change, the oldest first.

        Raises:
            PromptError: A line is none.
        """
        return entries_in(self.text, where=_PLACE)


class PrefectReleases:
    """A `ReleaseLog` in a block.

    Two who add something at the very same time may lose one of the changes: Prefect's blocks know no addition.
    """

    is_slow: bool = True

    def __init__(self) -> None:
        self._text = ""

    def look(self) -> str:
        """The time of the block's last change; empty when there is no block.

        Raises:
            PromptError: The server does not answer.
        """
        found = self._found()
        self._text = str(found.data.get("text", "")) if found is not None else ""
        return str(found.updated) if found is not None else ""

    def read(self) -> tuple[ReleaseEntry, ...]:
        """Everything, as it was at the last look.

        Raises:
            PromptError: A line is no release.
        """
        return entries_in(self._text, where=_PLACE)

    def add(self, entry: ReleaseEntry) -> None:
        """Keep one more.

        Raises:
            PromptError: The server does not answer.
        """
        self.look()
        block = PromptReleasesBlock(text=f"{self._text}{entry.model_dump_json()}\n")
        try:
            cast("Any", block).save(NAME, overwrite=True, _sync=True)
        except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError) as error:
            raise _unanswered("kept in", error) from error
        self.look()

    def _found(self) -> BlockDocument | None:
        try:
            with get_client(sync_client=True) as client:
                return client.read_block_document_by_name(NAME, SLUG)
        except ObjectNotFound:
            return None
        except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError) as error:
            raise _unanswered("read from", error) from error


def _unanswered(done: str, error: Exception) -> PromptError:
    return PromptError(
        f"Which versions of prompts are in use cannot be {done} Prefect: {str(error) or type(error).__name__}. See "
        f"`agentic-prefect doctor`, or turn the setting `prompts_in_prefect` off."
    )
