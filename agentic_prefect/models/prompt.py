"""Prompts: what goes into one, what a model was given, and which template made it."""

from typing import Literal

from pydantic import Field

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.chat import Message, OutputSchema

Shortening = Literal["cut", "model"]
"""How a text is made shorter: by leaving out its end, or by having a model sum it up."""


class ContextText(Frozen):
    """A text that helps with a task, as a plan writes it."""

    text: str
    """May hold expressions."""
    source: str = ""
    """Where it comes from; the tasks that it refers to, when it is left out."""
    trusted: bool | None = None
    """Whether it may say what to do; `None` trusts what the plan's author wrote, and not what tasks put out."""
    priority: int = Field(default=5, ge=1, le=9)
    """The higher one stays when there is not room for all."""
    max_tokens: int | None = Field(default=None, gt=0)
    """Where it is longer, it is shortened; `None` leaves it to the task's `context_rules`."""
    shorten: Shortening | None = None
    """`None` leaves it to the task's `context_rules`."""


class ContextRules(Frozen):
    """What of a task's context its prompts show."""

    prompt_tokens: int | None = Field(default=None, gt=0)
    """The whole prompt is no longer: texts are left out, those of the lowest priority first."""
    item_tokens: int | None = Field(default=None, gt=0)
    """A text that is longer is shortened."""
    shorten: Shortening = "cut"
    relevance_ratio: float = Field(default=0.0, ge=0, le=1)
    """A text that has less in common with the task, by its words, is left out; 0 leaves nothing out."""
    order: Literal["declared", "priority", "relevance"] = "declared"
    """What stands first; among equals, what was written first."""


class ContextItem(Frozen):
    """A text that helps with a task, and where it comes from."""

    text: str
    source: str = ""
    """`task search`, `plan`, …; empty when it is the author's own."""
    trusted: bool = True
    """False for what a model wrote: it is shown as data, not as instructions."""
    priority: int = 5
    """1 to 9; the higher one stays when there is not room for all."""
    max_tokens: int | None = None
    """Where it is longer, it is shortened; `None` shows all of it."""
    shorten: Shortening = "cut"
    is_summary: bool = False
    """Whether a model has summed it up."""


Arm = Literal["", "stable", "candidate"]
"""Which of two versions under trial a piece of work was given; empty when none is tried."""


class PromptChoice(Frozen):
    """The template that was chosen for a piece of work, once and for all of its attempts."""

    reference: str
    """`id@version`."""
    arm: Arm = ""


class PromptVersion(Frozen):
    """Which template made a prompt."""

    id: str
    """The template's id."""
    version: str
    """The template's version, `MAJOR.MINOR.PATCH`."""
    hash: str
    """SHA-256 (hex) of the template's source, so that an edit without a new version shows."""
    arm: Arm = ""


class PromptRecord(PromptVersion):
    """The exact prompt of one attempt."""

    text: str = ""
    """What the model received, all messages joined in order."""
    text_hash: str = ""
    """SHA-256 (hex) of the text as it was sent, before anything in it was masked, with its pictures."""
    dropped: tuple[str, ...] = ()
    """The sources of context for which there was no room."""
    irrelevant: tuple[str, ...] = ()
    """The sources of context that had too little to do with the task."""
    shortened: tuple[str, ...] = ()
    """The sources of context that is not shown whole."""
    parent: str = ""
    """The `text_hash` of the prompt that this one refines with what was wrong with its answer; empty for the first."""
    refinement: int = Field(default=0, ge=0)
    """How many times it was refined to become what it is."""
    images: tuple[str, ...] = ()
    """The pictures that went with it: addresses without what follows `?`, and fingerprints of pictures sent whole."""

    @property
    def without_text(self) -> PromptVersion:
        """What may be told where the text must not be."""
        return PromptVersion(id=self.id, version=self.version, hash=self.hash, arm=self.arm)


class RenderedPrompt(Frozen):
    """Messages ready for a model, with the record of how they were made."""

    messages: tuple[Message, ...] = Field(min_length=1)
    record: PromptRecord
    output: OutputSchema | None = None
    """The form that the prompt asks for. Where thoughts come with the answer, it is the task's own form with those
    around it."""
    thinks: bool = False
    """Whether the answer stands under `answer`, beside the thoughts."""
    dropped: tuple[str, ...] = ()
    """Sources of the context items for which there was no room."""
