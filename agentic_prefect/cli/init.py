"""`agentic-prefect init`."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from agentic_prefect.cli.terminal import stderr, stdout
from agentic_prefect.cli.usage import OutputUnwritable, UsageError
from agentic_prefect.models.plan import PLAN_NAME

STARTER: Final = "STARTER"
FILES: Final = {"plan.yaml": "plans/STARTER.yaml", "flow.py.txt": "flows/STARTER.py", "prefect.yaml": "prefect.yaml"}
"""What ships -> where it is written."""


class AlreadyThere(UsageError, FileExistsError):
    """A file would be overwritten."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(paths)
        self.paths = paths

    def __str__(self) -> str:
        return (
            f"Nothing was written, since {', '.join(map(repr, self.paths))} would be overwritten. "
            f"Give another folder or `--name`, or `--force` to overwrite."
        )


def init(
    folder: Path = Path(),
    *,
    name: Annotated[str, Parameter(name=("--name", "-n"))] = "first_plan",
    force: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Write a plan, a flow and a deployment to begin with.

    Args:
        folder: Where to write; it is made if it is not there.
        name: What the plan is called.
        force: Overwrite files that are there.
    """
    if not re.fullmatch(PLAN_NAME, name):
        raise UsageError(f"The name {name!r} will not do. Use lower-case letters, digits, `-` and `_`, at most 100.")
    texts = {folder / path.replace(STARTER, name): _text(source, name, folder) for source, path in FILES.items()}
    present = tuple(str(path) for path in texts if path.exists())
    if present and not force:
        raise AlreadyThere(present)
    for path, text in texts.items():
        _write(path, text)
        stdout().print(f"Wrote {path}", soft_wrap=True)
    plan = next(iter(texts))
    stderr().print(f"Next: agentic-prefect rehearse {plan}", soft_wrap=True)


def _text(source: str, name: str, folder: Path) -> str:
    text = files("agentic_prefect.cli").joinpath("starter", source).read_text(encoding="utf-8")
    function = re.sub(r"^(?=\d)|\W", "_", name)
    replaced = text.replace("STARTER_NAME", function).replace(STARTER, name)
    return replaced.replace("FOLDER", str(folder.resolve()))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputUnwritable.because(str(path), error) from error
