"""Where a model is reached."""

from typing import Literal

from pydantic import Field, SecretStr

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.chat import ModelSettings


class Connection(Frozen):
    """A named way to a provider: a task's model `"local/qwen"` means the model `qwen` on the connection `local`."""

    base_url: str | None = None
    """`None` is the provider's own address."""
    api: Literal["chat", "responses"] = "chat"
    """Chat Completions, which every compatible server speaks, or Responses."""
    model: str | None = None
    """The model when a task names only the connection."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; the key itself never stands in a plan."""
    api_key: SecretStr | None = Field(default=None, exclude=True)
    """Set in code or by a stored credential, never written out; a plan's document may not hold it."""
    structured_output: Literal["auto", "json_schema", "json_object", "prompt"] = "auto"
    """How a schema is enforced; `auto` starts with `json_schema` and steps down when the server refuses it."""
    settings: ModelSettings = ModelSettings()
    max_in_flight: int | None = Field(default=None, gt=0)
    """At most this many requests at once in this process; `None` is no limit."""
    requests_per_minute: int | None = Field(default=None, gt=0)
    """At most this many requests a minute in this process; those that come too early wait."""
    tokens_per_minute: int | None = Field(default=None, gt=0)
    """The same for tokens, as they are estimated before each request."""
    stream: bool = False
    """Have answers sent piece by piece: connections that are closed when nothing comes for a while stay open, and
    `idle_timeout_s` can tell a model that thinks from one that hangs."""
    idle_timeout_s: float | None = Field(default=None, gt=0)
    """With `stream`: seconds without any piece after which a call is given up; `None` has no such limit."""
