"""Every way in which a provider can fail, as one short call each."""

from typing import Any

from agentic_prefect.testing.script import (
    DropFault,
    Echo,
    HangFault,
    MalformedFault,
    Refusal,
    Reply,
    Sent,
    StatusFault,
    StreamErrorFault,
    Text,
)


class Fault:
    """Builds answers that go wrong. Each is plain data; `.delayed(1.5)` and `.on_hold()` work on all of them."""

    @staticmethod
    def status(status: int, **fields: Any) -> StatusFault:
        """HTTP `status` with OpenAI's usual body for it; `fields` are those of `StatusFault`."""
        return StatusFault(status=status, **fields)

    @staticmethod
    def rate_limited(retry_after_s: float | None = None, **fields: Any) -> StatusFault:
        """Too many requests: worth another try."""
        return StatusFault(status=429, retry_after_s=retry_after_s, **fields)

    @staticmethod
    def insufficient_quota() -> StatusFault:
        """No credit is left: the same status as a rate limit, but trying again cannot help."""
        return StatusFault(
            status=429,
            error_type="insufficient_quota",
            code="insufficient_quota",
            message="You exceeded your current quota, please check your plan and billing details. For more information "
            "on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        )

    @staticmethod
    def overloaded(status: int = 503, retry_after_s: float | None = None) -> StatusFault:
        """No capacity: 503 as OpenAI says it, 529 as others do."""
        return StatusFault(status=status, retry_after_s=retry_after_s)

    @staticmethod
    def server_error(status: int = 500) -> StatusFault:
        """The provider failed on its side."""
        return StatusFault(status=status)

    @staticmethod
    def wrong_key() -> StatusFault:
        """The key is not accepted, whatever it is."""
        return StatusFault(status=401)

    @staticmethod
    def permission() -> StatusFault:
        """The key may not use this model."""
        return StatusFault(status=403)

    @staticmethod
    def context_length(limit_tokens: int = 128_000) -> StatusFault:
        """The prompt is too long for the model."""
        return StatusFault(
            status=400,
            code="context_length_exceeded",
            message=f"This model's maximum context length is {limit_tokens} tokens. However, your messages resulted in "
            f"{limit_tokens + 1} tokens. Please reduce the length of the messages.",
        )

    @staticmethod
    def model_not_found(model: str = "gpt-none") -> StatusFault:
        """There is no such model."""
        return StatusFault(
            status=404,
            code="model_not_found",
            message=f"The model `{model}` does not exist or you do not have access to it.",
        )

    @staticmethod
    def schema_refused() -> StatusFault:
        """A compatible server that cannot follow a JSON schema."""
        return StatusFault(
            status=400,
            message="Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        )

    @staticmethod
    def prompt_filtered() -> StatusFault:
        """The filter stops the prompt, before the model sees it."""
        return StatusFault(
            status=400,
            code="content_filter",
            message="The response was filtered due to the prompt triggering the content management policy.",
        )

    @staticmethod
    def hang(sent: Sent = "nothing") -> HangFault:
        """No answer ever, or one that stops after its head or in its middle."""
        return HangFault(sent=sent)

    @staticmethod
    def drop(sent: Sent = "nothing") -> DropFault:
        """The connection closes before any byte, after the head, or in the middle of the body."""
        return DropFault(sent=sent)

    @staticmethod
    def malformed_body() -> MalformedFault:
        """HTTP 200 with a body that is not JSON."""
        return MalformedFault()

    @staticmethod
    def stream_error() -> StreamErrorFault:
        """A stream that ends in an error event."""
        return StreamErrorFault()

    @staticmethod
    def truncated_json() -> Reply:
        """The model's JSON is cut off because it reached its limit of output tokens."""
        return Reply(content=Echo(defect="truncated"), finish="length")

    @staticmethod
    def breaks_schema() -> Reply:
        """The model answers with valid JSON that does not follow the schema."""
        return Reply(content=Echo(defect="breaks_schema"))

    @staticmethod
    def refusal(text: str = Refusal().text) -> Reply:
        """The model declines."""
        return Reply(content=Refusal(text=text))

    @staticmethod
    def content_filter(text: str = "") -> Reply:
        """The filter stops the answer after `text`."""
        return Reply(content=Text(text=text), finish="content_filter")

    @staticmethod
    def empty() -> Reply:
        """The model says nothing."""
        return Reply(content=Text(text=""))
