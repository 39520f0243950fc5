"""Prompt templates in Prefect: a block or a variable each, so that all workers use the same ones."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, cast

import httpx
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from pydantic import Field, HttpUrl, ValidationError

from agentic_prefect.blocks.stored_plan import BLOCK_DOCS
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.front_matter import read_template
from agentic_prefect.prompting.sources import Kept
from agentic_prefect.prompting.template import PromptTemplate

SLUG: Final = "agentic-stored-prompt"
"""Of the block type; also the tag of variables that hold a template."""
PAGE: Final = 200
"""How many are asked for at once; the server gives no more."""


class StoredPrompt(Block):
    """A prompt template, which every worker finds on the server. Made in the UI, or in code.

    Example:
        Load a template and look at it:
        ```python
        from agentic_prefect.blocks import StoredPrompt

        stored = StoredPrompt.load("BLOCK_NAME")
        print(stored.template().reference)
        ```
    """

    _block_type_name: ClassVar[str | None] = "Agentic Stored Prompt"
    _block_type_slug: ClassVar[str | None] = SLUG
    _description: ClassVar[str | None] = "A prompt template for LLM agent tasks."
    _documentation_url: ClassVar[HttpUrl | None] = BLOCK_DOCS

    text: str = Field(
        description="A template's file: front matter with `id` and `version` between two lines of `---`, then the text."
    )

    def template(self) -> PromptTemplate:
        """The template.

        Raises:
            PromptError: The text is none.
        """
        return read_template(self.text, origin="the block")


class PrefectPrompts:
    """Templates in blocks of the type `Agentic Stored Prompt`, and in variables with the tag
    `agentic-stored-prompt`, whose value is the text of a file, or an object with its fields and `source`.
    """

    is_slow: bool = True

    def __init__(self) -> None:
        self._found: dict[str, tuple[Any, datetime]] = {}

    def look(self) -> Mapping[str, str]:
        """The blocks and variables, with the time of their last change.

        Raises:
            PromptError: The server does not answer.
        """
        try:
            with get_client(sync_client=True) as client:
                self._found = {**_in_variables(client), **_in_blocks(client)}
        except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError) as error:
            reason = str(error) or type(error).__name__
            raise PromptError(
                f"Prompt templates cannot be read from Prefect: {reason}. See `agentic-prefect doctor`, or turn the "
                f"setting `prompts_in_prefect` off."
            ) from error
        return {name: at.isoformat() for name, (_, at) in self._found.items()}

    def read(self, name: str) -> Kept:
        """The template in a block or variable, as it was at the last look.

        Raises:
            PromptError: It is none.
        """
        value, at = self._found[name]
        if isinstance(value, str):
            return Kept(read_template(value, origin=name), at)
        if not isinstance(value, dict):
            raise PromptError(f"{name} is no prompt template: it is to be text or an object, and is {value!r}.")
        fields = cast("dict[str, Any]", value)
        try:
            return Kept(PromptTemplate.model_validate({**fields, "origin": name}), at)
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise PromptError(f"{name} is no prompt template: {told}.") from error


def _in_blocks(client: SyncPrefectClient) -> dict[str, tuple[Any, datetime]]:
    found: dict[str, tuple[Any, datetime]] = {}
    while True:
        try:
            page = client.read_block_documents_by_type(SLUG, offset=len(found), limit=PAGE)
        except PrefectHTTPStatusError as error:
            if error.response.status_code == 404:  # nobody has made such a block
                return found
            raise
        for each in page:
            found[f"block {each.name}"] = each.data.get("text"), _time(each.updated)
        if len(page) < PAGE:
            return found


def _in_variables(client: SyncPrefectClient) -> dict[str, tuple[Any, datetime]]:
    found: dict[str, tuple[Any, datetime]] = {}
    while True:
        asked = {"variables": {"tags": {"all_": [SLUG]}}, "limit": PAGE, "offset": len(found), "sort": "NAME_ASC"}
        page: list[dict[str, Any]] = client.request("POST", "/variables/filter", json=asked).json()
        for each in page:
            found[f"variable {each['name']}"] = each["value"], datetime.fromisoformat(each["updated"])
        if len(page) < PAGE:
            return found


def _time(at: Any) -> datetime:
    return at if isinstance(at, datetime) else datetime.now(UTC)
