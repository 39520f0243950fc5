"""A prompt template: its text, what it says of itself, and its rendering."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Annotated, Any, Final, NoReturn, cast

from pydantic import BeforeValidator, Field, model_validator

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.chat import Message
from agentic_prefect.prompting.compiling import compile_program, hash_of
from agentic_prefect.prompting.craft import Waivable
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.examples import Example, FewShot
from agentic_prefect.prompting.program import Program
from agentic_prefect.prompting.sandbox import make_prompt_sandbox
from agentic_prefect.prompting.template_test import TemplateTest
from agentic_prefect.prompting.variables import Variable
from agentic_prefect.prompting.versions import parse_version

TEMPLATE_ID: Final = r"^[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*$"
MAX_SOURCE_CHARS: Final = 200_000
KEPT_PROGRAMS: Final = 500
"""How many templates that belong to no registry stay compiled."""


def _read_version(value: Any) -> Any:
    # A PromptError is no ValueError, so that pydantic would let it through without the field's name.
    try:
        return str(parse_version(value)) if isinstance(value, str) else value
    except PromptError as error:
        raise ValueError(str(error)) from error


VariableName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class PromptTemplate(Frozen):
    """A versioned prompt.

    `{% block system %}`, `{% block user %}` and `{% block assistant %}` are messages; a template without any of them is
    one message of the user.
    """

    id: str = Field(pattern=TEMPLATE_ID, max_length=100)
    version: Annotated[str, BeforeValidator(_read_version)] = "1.0.0"
    """`MAJOR.MINOR.PATCH`; parts left out are 0."""
    name: str = ""
    """For people; the id when it is left out."""
    source: str = Field(min_length=1, max_length=MAX_SOURCE_CHARS)
    """The Jinja text."""
    task_type: str = ""
    """The kind of work it is for, such as `agent` or `summary`."""
    description: str = ""
    tags: tuple[str, ...] = ()
    domain: str = ""
    """The field of work it is meant for; empty for all."""
    environment: str = ""
    """Where it is meant to be used, such as `dev` or `prod`; empty for everywhere."""
    variables: Mapping[VariableName, Variable] = Field(default_factory=dict[str, Variable])
    examples: tuple[Example, ...] = ()
    """What went in and what came out, to learn from; a template that extends this one has them, too."""
    few_shot: FewShot | None = None
    """Which of the examples are shown; `None` is the parent's rule, and without one the first three."""
    reasoning: bool | None = None
    """Whether thoughts are asked for before the answer, which alone is the output; `None` is what the parent says."""
    tests: tuple[TemplateTest, ...] = ()
    """What it must render to; `agentic-prefect prompts test` and pytest run them."""
    waive: tuple[Waivable, ...] = ()
    """Rules of `prompts lint` that it breaks on purpose; `notes` says why."""
    notes: str = ""
    """For those who change it: why it is as it is, and what this version changed."""
    author: str = ""
    parent: str = ""
    """The version that this one was made from, `id@version`; empty when nobody said."""
    origin: str = ""
    """The file that it was read from; empty when it was made in code."""
    first_line: int = 1
    """The line of that file with which `source` begins."""

    @model_validator(mode="before")
    @classmethod
    def _name_by_id(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        fields = cast("Mapping[str, Any]", data)
        return fields if fields.get("name") else {**fields, "name": fields.get("id", "")}

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of its text, its variables and all else that shows in a prompt."""
        shown = {"examples": self.examples, "few_shot": self.few_shot, "reasoning": self.reasoning}
        return hash_of(self.source, self.variables, {name: value for name, value in shown.items() if value})

    @property
    def reference(self) -> str:
        """`id@version`."""
        return f"{self.id}@{self.version}"

    @property
    def where(self) -> str:
        """Its file, or its name, for messages."""
        return self.origin or f"template {self.reference!r}"

    def render(self, data: Mapping[str, Any] | None = None) -> tuple[Message, ...]:
        """The messages. A template that extends or includes others is rendered by its registry.

        Args:
            data: The variables; those left out take their defaults.

        Raises:
            UnfitData: Variables are missing or of the wrong type; all are named.
            PromptError: The template is wrong, or does something that is not allowed.
        """
        return _standalone(self).render(data or {})


def words_of(template: PromptTemplate) -> str:
    """Everything in which a template is searched for, in lower case: what it says of itself, and its text."""
    says = (template.id, template.name, template.description, template.task_type, template.domain, *template.tags)
    return "\n".join((*says, template.notes, template.source)).casefold()


_programs: OrderedDict[tuple[str, str, str], Program] = OrderedDict()


def _standalone(template: PromptTemplate) -> Program:
    key = (template.reference, template.hash, template.origin)
    program = _programs.get(key)
    if program is None:
        program = _programs[key] = compile_program(template, make_prompt_sandbox(), _without_registry)
        while len(_programs) > KEPT_PROGRAMS:
            _programs.popitem(last=False)
    return program


def _without_registry(reference: str) -> NoReturn:
    raise PromptError(
        f"The prompt template {reference!r} is used by one that belongs to no registry. "
        f"Put both into a `PromptRegistry` and render with `PromptRegistry.render`."
    )
