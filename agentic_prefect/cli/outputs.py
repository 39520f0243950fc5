"""Files that a command writes its result to: looked at before the run, written after it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from agentic_prefect.cli.formats import Format
from agentic_prefect.cli.usage import OutputUnwritable, UsageError
from agentic_prefect.models.result import PlanResult
from agentic_prefect.plans.names import listing
from agentic_prefect.reports import console, html, markdown, serialized
from agentic_prefect.reports.model import PlanReport

STDOUT: Final = "-"

FORMATS: Final[tuple[Format, ...]] = get_args(Format)
_BY_SUFFIX: Final[dict[str, Format]] = {**{f".{name}": name for name in FORMATS}, ".yml": "yaml", ".markdown": "md"}


class UnknownFormat(UsageError):
    """A file's name does not say in which form the result is wanted."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return (
            f"The form of the result for {self.path!r} is not known. Let its name end in one of "
            f"{listing(_BY_SUFFIX)}, or say `--format`."
        )


@dataclass(frozen=True, slots=True)
class Output:
    """One place for the result."""

    path: str
    """A file, or `-` for standard output."""
    format: Format

    @property
    def is_stdout(self) -> bool:
        """Whether it is standard output."""
        return self.path == STDOUT

    def write(self, result: PlanResult, report: PlanReport) -> None:
        """Write the result.

        Raises:
            OutputUnwritable: It cannot be written any more.
        """
        text = rendered(self.format, result, report)
        if self.is_stdout:
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        try:
            Path(self.path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputUnwritable.because(self.path, error) from error


def prepare(paths: tuple[str, ...], format: Format | None) -> tuple[Output, ...]:
    """The places for a result, each looked at before anything is spent.

    Args:
        format: In which form; `None` goes by each file's name, and is JSON for standard output.

    Raises:
        OutputUnwritable: A file cannot be written.
        UnknownFormat: A file's name says nothing of its form.
    """
    outputs: list[Output] = []
    for path in paths:
        chosen = format or ("json" if path == STDOUT else _BY_SUFFIX.get(Path(path).suffix.lower()))
        if chosen is None:
            raise UnknownFormat(path)
        if path != STDOUT:
            require_writable(Path(path))
        outputs.append(Output(path, chosen))
    return tuple(outputs)


def require_apart(written: Sequence[str], read: Sequence[Path]) -> None:
    """Make sure that no file would be written twice, or written to and read; what links lead to counts.

    Args:
        written: Files, and `-` for standard output.
        read: Files that are read.

    Raises:
        UsageError: One would be.
    """
    for place, path in enumerate(written):
        if any(_is_same(path, other) for other in written[:place]):
            raise UsageError(f"{path!r} would be written twice. Give each result, and the events, a place of its own.")
        if path != STDOUT and any(_is_same(path, str(other)) for other in read):
            raise UsageError(f"{path!r} is what the run is read from, and would be lost. Give another file.")


def _is_same(one: str, other: str) -> bool:
    if STDOUT in (one, other):
        return one == other
    first, second = Path(one), Path(other)
    if first.exists() and not first.is_file():  # a device, such as /dev/null, keeps nothing that could be lost
        return False
    return first.resolve() == second.resolve() or (first.exists() and second.exists() and first.samefile(second))


def rendered(format: Format, result: PlanResult, report: PlanReport) -> str:
    """The result in one of its forms. None of them needs a model."""
    match format:
        case "json":
            return serialized.to_json(result)
        case "yaml":
            return serialized.to_yaml(result)
        case "md":
            return markdown.report(report)
        case "html":
            return html.report(report)
        case "txt":
            return console.text(report)


def require_writable(path: Path) -> None:
    """Open the file for writing and leave it as it was.

    Raises:
        OutputUnwritable: It cannot be written.
    """
    is_new = not path.exists()
    try:
        with path.open("ab"):
            pass
        if is_new:
            path.unlink()
    except OSError as error:
        raise OutputUnwritable.because(str(path), error) from error
