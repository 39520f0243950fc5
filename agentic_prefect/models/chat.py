"""What is said to a model and what it answers, whoever the provider is."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from pydantic import Field

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.usage import Usage


class ModelSettings(Frozen):
    """Sampling settings. Only those that are set are sent, since models refuse parameters that they do not know."""

    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_output_tokens: int | None = Field(default=None, gt=0)
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    reasoning_effort: str | None = None
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further fields of the request's body, as the provider names them."""

    def on_top_of(self, base: "ModelSettings") -> "ModelSettings":
        """These settings, with those of `base` where they set nothing; `extra` is merged field by field."""
        own = {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        return base.model_copy(update=own | {"extra": base.extra | self.extra})


class Image(Frozen):
    """A picture that a model is shown."""

    url: str = Field(pattern=r"^(https?://|data:image/)")
    """Where it lies, or the picture itself as `data:image/png;base64,…`."""
    detail: Literal["auto", "low", "high"] = "auto"
    """How closely the model looks."""


class Message(Frozen):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[Image, ...] = ()
    """Shown after the text."""


class OutputSchema(Frozen):
    """The form that an answer must have."""

    name: str
    """Letters, digits, `_` and `-`; at most 64."""
    json_schema: dict[str, Any]


class ChatRequest(Frozen):
    """One request to a model."""

    model: str
    """The provider's name of the model."""
    messages: tuple[Message, ...]
    output: OutputSchema | None = None
    """`None` asks for free text."""
    settings: ModelSettings = ModelSettings()
    timeout_s: float | None = None
    """Seconds until the call is given up; `None` waits as long as the caller does."""
    task_id: str = ""
    """Which task asks, `id[index]` for an item of a fan-out. Never sent: rehearsals and records use it."""
    before_another: Callable[[], Awaitable[None]] | None = Field(default=None, exclude=True, repr=False)
    """Awaited before each further request that is sent for this one, since the server refused how it was put; what it
    raises ends the call. Never sent."""


class ChatResponse(Frozen):
    """One answer of a model. A refusal or a stopped answer is an error, not a response."""

    text: str
    model: str
    """The model that answered, as the provider names it."""
    usage: Usage = Usage(calls=1, cost_usd=None)
    finish_reason: Literal["stop", "length", "tool_calls"] = "stop"
    response_id: str | None = None


class KeptAnswer(Frozen):
    """What a model answered to one request, kept so that the same request is not sent and paid again."""

    request: str
    """The digest of what was asked, and of whom."""
    response: ChatResponse | None = None
    """`None` for an answer of which the client itself made no response, such as an empty one."""
    trouble: str = ""
    """Why it made none."""
    problems: tuple[str, ...] = ()
    text: str = ""
    """What was answered then."""
