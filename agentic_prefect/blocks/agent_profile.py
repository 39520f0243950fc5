"""An agent that several plans share, as a Prefect block."""

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from agentic_prefect.blocks.openai_connection import OpenAIConnection
from agentic_prefect.blocks.stored_plan import BLOCK_DOCS
from agentic_prefect.models.agent import AgentSpec


class AgentProfile(Block):
    """An agent that several plans share.

    A task whose `agent` is BLOCK_NAME, which its plan does not list, is done by it.

    Example:
        Save an agent, and load it:
        ```python
        from agentic_prefect.blocks import AgentProfile

        AgentProfile(role="editor", purpose="write reports that people read").save("BLOCK_NAME", overwrite=True)
        profile = AgentProfile.load("BLOCK_NAME")
        print(profile.role)
        ```
    """

    _block_type_name: ClassVar[str | None] = "Agent Profile"
    _block_type_slug: ClassVar[str | None] = "agent-profile"
    _description: ClassVar[str | None] = "An agent that several plans share: its part in the work, and its model."
    _documentation_url: ClassVar[HttpUrl | None] = BLOCK_DOCS

    role: str = Field(description="Its part in the work, such as editor.")
    purpose: str = Field(default="", description="What it is to achieve.")
    backstory: str = Field(default="", description="Where it comes from; it is told to the model.")
    constraints: list[str] = Field(default_factory=list[str], description="What it has to keep to, one each.")
    capabilities: list[str] = Field(
        default_factory=list[str], description="What it may use; nothing listed is nothing."
    )
    domain: str = Field(default="", description="Its field; a prompt template for it is used if there is one.")
    model: str = Field(default="", description="Its model; with a connection, only what stands after the slash.")
    openai_connection: OpenAIConnection | None = Field(
        default=None, description="How its model is reached; empty leaves it to the plan and the worker."
    )

    def agent(self, name: str) -> AgentSpec:
        """The agent.

        Args:
            name: What the plan calls it.
        """
        connection = self.openai_connection
        parts = (getattr(connection, "_block_document_name", "") or "" if connection else "", self.model)
        return AgentSpec(
            name=name,
            role=self.role,
            purpose=self.purpose,
            backstory=self.backstory,
            constraints=tuple(self.constraints),
            capabilities=tuple(self.capabilities),
            domain=self.domain,
            model="/".join(part for part in parts if part) or None,
        )
