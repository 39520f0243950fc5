"""Where a model is reached, and with which key, as a Prefect block."""

from typing import ClassVar, Literal

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr, ValidationError

from agentic_prefect.blocks.stored_plan import BLOCK_DOCS
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.connection import Connection


class OpenAIConnection(Block):
    """A named way to OpenAI or a compatible server.

    A task's model `BLOCK_NAME/gpt-5-mini` means it, wherever a plan runs; the key is kept encrypted on the server and
    stands in no plan, parameter, log or artifact.

    Example:
        Save a connection, and load it:
        ```python
        from agentic_prefect.blocks import OpenAIConnection

        OpenAIConnection(api_key="...", default_model="gpt-5-mini").save("BLOCK_NAME", overwrite=True)
        connection = OpenAIConnection.load("BLOCK_NAME")
        print(connection.default_model)
        ```
    """

    _block_type_name: ClassVar[str | None] = "OpenAI Connection"
    _block_type_slug: ClassVar[str | None] = "openai-connection"
    _description: ClassVar[str | None] = "A named way to OpenAI or a compatible server, with its key and limits."
    _documentation_url: ClassVar[HttpUrl | None] = BLOCK_DOCS

    api_key: SecretStr | None = Field(default=None, description="The key; a server that asks for none needs none.")
    base_url: str = Field(default="", description="The server's address, up to /v1; empty is OpenAI.")
    api: Literal["chat", "responses"] = Field(
        default="chat", description="Chat Completions, which every compatible server speaks, or Responses."
    )
    default_model: str = Field(default="", description="The model of tasks that name the connection alone.")
    structured_output: Literal["auto", "json_schema", "json_object", "prompt"] = Field(
        default="auto", description="How an answer is held to a schema; auto finds out what the server takes."
    )
    max_in_flight: int = Field(default=0, ge=0, description="At most this many requests at once; 0 is no limit.")
    requests_per_minute: int = Field(default=0, ge=0, description="At most this many requests a minute; 0 is no limit.")
    tokens_per_minute: int = Field(default=0, ge=0, description="At most this many tokens a minute; 0 is no limit.")

    def connection(self) -> Connection:
        """The connection, key included.

        Raises:
            PlanInvalid: The fields do not fit each other, or an address is none.
        """
        try:
            return Connection(
                base_url=self.base_url or None,
                api=self.api,
                model=self.default_model or None,
                api_key=self.api_key,
                structured_output=self.structured_output,
                max_in_flight=self.max_in_flight or None,
                requests_per_minute=self.requests_per_minute or None,
                tokens_per_minute=self.tokens_per_minute or None,
            )
        except ValidationError as error:
            faults = "; ".join(f"{each['loc']}: {each['msg']}" for each in error.errors(include_input=False))
            raise PlanInvalid(f"The block of the OpenAI connection cannot be used: {faults}.") from None
