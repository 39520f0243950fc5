"""Examples that a template shows a model, chosen by a rule."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from agentic_prefect.models.base import Frozen
from agentic_prefect.prompting.likeness import likeness, words
from agentic_prefect.prompting.text import pretty_json


class Example(Frozen):
    """What went in, and what came out."""

    input: Any
    output: Any
    note: str = ""
    """Why it is a good answer; shown with it."""

    def data(self) -> dict[str, str]:
        """What a template sees of it: texts as they are, everything else as JSON."""
        return {"input": _as_shown(self.input), "output": _as_shown(self.output), "note": self.note}


class FewShot(Frozen):
    """Which of a template's examples are shown."""

    rule: Literal["fixed", "first", "similar"] = "first"
    """`fixed`: those that `pick` names. `first`: the first `most`. `similar`: the `most` whose input has the most words
    in common with the task's description and input."""
    most: int = Field(default=3, ge=0, le=50)
    pick: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """With `fixed`: numbers of examples, from 1, in the order in which they are shown; empty shows all."""

    @model_validator(mode="after")
    def _picks_only_where_fixed(self) -> Self:
        if self.pick and self.rule != "fixed":
            raise ValueError(f"`pick` goes with `rule: fixed`, not with {self.rule!r}")
        return self


def chosen_examples(examples: Sequence[Example], rule: FewShot, *, task: str) -> tuple[Example, ...]:
    """The examples that are shown.

    Args:
        examples: All of the template's.
        rule: Which are shown. Similar ones come in the order in which they are written, like the first ones.
        task: What similar ones are similar to.
    """
    match rule.rule:
        case "fixed":
            numbers = rule.pick or range(1, len(examples) + 1)
            return tuple(examples[number - 1] for number in numbers if number <= len(examples))
        case "first":
            return tuple(examples[: rule.most])
        case "similar":
            wanted = words(task)
            near = [likeness(wanted, words(_as_shown(example.input))) for example in examples]
            best = sorted(range(len(examples)), key=lambda index: (-near[index], index))[: rule.most]
            return tuple(examples[index] for index in sorted(best))


def _as_shown(value: Any) -> str:
    return value if isinstance(value, str) else pretty_json(value)
