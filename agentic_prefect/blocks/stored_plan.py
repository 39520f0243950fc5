"""One version of a plan, as a Prefect block."""

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.load import load_plan

BLOCK_DOCS = HttpUrl("https://docs.prefect.io/v3/concepts/blocks")
"""Where Prefect explains blocks; the fields explain themselves."""


class StoredPlan(Block):
    """One version of a plan of LLM agent tasks, which every worker finds on the server.

    Saved by `agentic-prefect deploy` and `agentic-prefect plans save`; a version that is there is never changed.

    Example:
        Load a version and look at its tasks:
        ```python
        from agentic_prefect.blocks import StoredPlan

        stored = StoredPlan.load("BLOCK_NAME")
        print([task.id for task in stored.plan().tasks])
        ```
    """

    _block_type_name: ClassVar[str | None] = "Agentic Stored Plan"
    _block_type_slug: ClassVar[str | None] = "agentic-stored-plan"
    _description: ClassVar[str | None] = "One version of a plan of LLM agent tasks."
    _documentation_url: ClassVar[HttpUrl | None] = BLOCK_DOCS

    plan_name: str = Field(description="The name of the plan.")
    plan_version: int = Field(ge=1, description="The number of the version, from 1.")
    plan_hash: str = Field(description="SHA-256 of the content, as 64 hexadecimal digits.")
    text: str = Field(description="The plan as YAML.")
    saved_at: str = Field(default="", description="When it was saved, in ISO 8601 and UTC.")
    note: str = Field(default="", description="What whoever saved it said about it.")

    def plan(self) -> Plan:
        """The plan.

        Raises:
            PlanInvalid: It was written for a newer version of this package.
        """
        return load_plan(self.text, source=self.reference)

    @property
    def reference(self) -> str:
        """What names this version, such as `research@3`."""
        return f"{self.plan_name}@{self.plan_version}"
