"""What can be wrong with a prompt template, or with the data for it."""

from agentic_prefect.errors import ErrorCode, TerminalError
from agentic_prefect.plans.names import did_you_mean, listing


class PromptError(TerminalError):
    """A template cannot be read, found or rendered."""

    code = ErrorCode.PLAN_INVALID


class FaultyTemplate(PromptError):
    """A template as it is written cannot be used.

    Args:
        where: Its file, or its name.
        problems: Line and message of each; at least one.
    """

    def __init__(self, where: str, problems: tuple[tuple[int, str], ...]) -> None:
        super().__init__(where, problems)
        self.where, self.problems = where, problems

    def __str__(self) -> str:
        if len(self.problems) == 1:
            line, message = self.problems[0]
            return f"{self.where}, line {line}: {message}"
        told = "; ".join(f"line {line}: {message}" for line, message in self.problems)
        return f"{self.where} is no prompt template: {told}"


class UnknownTemplate(PromptError, LookupError):
    """No template of that id, or none of that version.

    Args:
        reference: What was asked for.
        known: The ids that there are, or the versions of the id if that is known.
    """

    def __init__(self, reference: str, known: tuple[str, ...]) -> None:
        super().__init__(reference, known)
        self.reference, self.known = reference, known

    def __str__(self) -> str:
        template_id, _, wanted = self.reference.partition("@")
        if wanted:
            return (
                f"The prompt template {template_id!r} has no version {wanted!r}. It has: {listing(self.known)}. "
                f"Ask for one of them, or leave the version out to get the latest."
            )
        hint = did_you_mean(template_id, self.known)
        return (
            f"There is no prompt template {template_id!r}. {f'{hint} ' if hint else ''}"
            f"Known templates: {listing(self.known)}. "
            f"Register it with `PromptRegistry.register`, or put its file into a folder that the registry loads."
        )


class ReleaseGone(UnknownTemplate):
    """The version of a template that is in use is not there any more.

    Args:
        reference: `id@version`.
        known: The versions that there are.
    """

    def __str__(self) -> str:
        template_id, _, version = self.reference.partition("@")
        return (
            f"Version {version} of the prompt template {template_id!r} is in use, as its releases say, and is not "
            f"there. It has: {listing(self.known)}. Put the file back, or choose another version: "
            f"`agentic-prefect prompts rollback {template_id} --to VERSION`."
        )


class UnfitData(PromptError):
    """The data for a template lacks variables, or has some of the wrong type; all of them are named.

    Args:
        reference: Which template.
        missing: Names of required variables that were not given.
        wrong: One line per variable of the wrong type.
    """

    def __init__(self, reference: str, missing: tuple[str, ...], wrong: tuple[str, ...] = ()) -> None:
        super().__init__(reference, missing, wrong)
        self.reference, self.missing, self.wrong = reference, missing, wrong

    def __str__(self) -> str:
        parts = [f"it needs {listing(self.missing, most=50)}"] if self.missing else []
        parts += self.wrong
        return (
            f"The prompt template {self.reference!r} cannot be rendered with this data: {'; '.join(parts)}. "
            f"Give the variables, or give them a default in the template's front matter."
        )
