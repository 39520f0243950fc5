"""A template made ready to render: its messages, its blocks and its variables, worked out once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal

from jinja2 import TemplateError
from jinja2.environment import Template
from jinja2.runtime import Context

from agentic_prefect.models.chat import Image, Message
from agentic_prefect.plans.expressions.values import bounded_size
from agentic_prefect.prompting.errors import PromptError, UnfitData
from agentic_prefect.prompting.examples import Example, FewShot
from agentic_prefect.prompting.sandbox import MAX_PROMPT_CHARS, MAX_SECONDS, start_meter, stop_meter
from agentic_prefect.prompting.tidy import tidy
from agentic_prefect.prompting.variables import Variable, fits

Role = Literal["system", "user", "assistant"]
Block = Callable[[Context], Iterator[str]]

_FAULTS: Final = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""Whatever the rendering of data can raise."""
_AT_ONCE: Final = 500
"""How many pieces of text are put together before their length is looked at."""


@dataclass(frozen=True, slots=True)
class Program:
    """A template, ready to render."""

    reference: str
    """`id@version`."""
    hash: str
    """SHA-256 (hex) of all that decides how it renders: its text and variables, and those of the templates it uses."""
    root: Template
    """The template that extends no other."""
    roles: tuple[Role, ...]
    """The messages, each a block of that name; empty when the whole is one message of the user."""
    blocks: dict[str, list[Block]]
    """Each block, with those that it overrides behind it."""
    variables: Mapping[str, Variable]
    """Declared by the template or by one that it uses."""
    required: frozenset[str]
    """Variables without which it cannot be rendered, whether they are declared or only used."""
    headings: frozenset[str]
    """Lines of the template that are headings."""
    examples: tuple[Example, ...] = ()
    few_shot: FewShot = field(default_factory=FewShot)
    reasoning: bool = False
    """Whether thoughts are asked for before the answer."""
    max_seconds: float = MAX_SECONDS

    def render(self, data: Mapping[str, Any], *, images: Sequence[Image] = ()) -> tuple[Message, ...]:
        """The messages.

        Args:
            data: The variables.
            images: Shown with the last message of the user.

        Raises:
            UnfitData: Variables are missing or of the wrong type.
            PromptError: Something undefined is used, something is not allowed or too large, or nothing is left.
        """
        # What `Template.new_context` does, without copying data and blocks once more.
        context = Context(self.root.environment, self._completed(data), None, {})
        context.blocks = self.blocks
        token = start_meter(self.max_seconds)
        try:
            if self.roles:
                texts = [(role, self._write(self.blocks[role][0], context)) for role in self.roles]
            else:
                texts: list[tuple[Role, str]] = [("user", self._write(self.root.root_render_func, context))]
        except _FAULTS as fault:
            raise PromptError(f"The prompt template {self.reference!r} cannot be rendered: {_reason(fault)}") from fault
        finally:
            stop_meter(token)
        messages = tuple(Message(role=role, content=text) for role, text in texts if text)
        if not messages:
            raise PromptError(
                f"The prompt template {self.reference!r} renders to nothing with this data. "
                f"Give the task a description, or the template some text that does not depend on data."
            )
        return _with_images(messages, images) if images else messages

    def _write(self, block: Block, context: Context) -> str:
        written = iter(block(context))
        pieces = list(islice(written, _AT_ONCE))
        text = "".join(pieces)
        # Most prompts end here.
        while len(pieces) == _AT_ONCE or len(text) > MAX_PROMPT_CHARS:
            bounded_size(len(text), MAX_PROMPT_CHARS, "characters")
            pieces = list(islice(written, _AT_ONCE))
            text = "".join((text, *pieces))
        return tidy(text, self.headings)

    def _completed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data with defaults for what is absent."""
        given = dict(data)
        missing = [name for name in self.required if name not in given]
        wrong: list[str] = []
        for name, variable in self.variables.items():
            if name not in given:
                given[name] = variable.default
            elif not fits(given[name], variable.type):
                wrong.append(f"{name!r} is {type(given[name]).__name__}, not {variable.type}")
        if missing or wrong:
            raise UnfitData(self.reference, tuple(sorted(missing)), tuple(wrong))
        return given


def _with_images(messages: tuple[Message, ...], images: Sequence[Image]) -> tuple[Message, ...]:
    last = max((place for place, message in enumerate(messages) if message.role == "user"), default=None)
    if last is None:
        return (*messages, Message(role="user", content="", images=tuple(images)))
    shown = messages[last].model_copy(update={"images": tuple(images)})
    return (*messages[:last], shown, *messages[last + 1 :])


def _reason(fault: BaseException) -> str:
    if isinstance(fault, RecursionError):
        return "it is nested too deeply, or it uses itself"
    return str(fault) or type(fault).__name__
