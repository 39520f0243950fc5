"""`agentic-prefect prompts edit`."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from agentic_prefect.bootstrap.prompts import open_prompts, prompt_folders
from agentic_prefect.cli.arguments import HYPHEN
from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.prompts.lint import code_of, print_findings
from agentic_prefect.cli.prompts.new import path_for, write_file
from agentic_prefect.cli.terminal import is_attended, stdout
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.prompting.files import readable_registry
from agentic_prefect.prompting.front_matter import read_template, written_template
from agentic_prefect.prompting.lint import lint_text
from agentic_prefect.prompting.sources import file_text
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.versions import parse_version
from agentic_prefect.settings import environment

EDITORS: Final = ("VISUAL", "EDITOR")
STDIN: Final = "-"
DRAFT: Final = ".draft"
"""What a file's name ends in until it is a template: no registry loads it."""
_VERSION: Final = re.compile(r"^version:.*$", re.MULTILINE)
_ID: Final = re.compile(r"^id:.*$", re.MULTILINE)


def edit(
    template: str,
    /,
    *,
    part: Literal["patch", "minor", "major"] = "minor",
    text: Annotated[str, HYPHEN] = "",
    folder: Annotated[Path, Parameter(name=("--folder", "-d"))] = Path("prompts"),
) -> ExitCode:
    """Write the next version of a template, in your editor or from a file.

    The version before stays as it is. What you write is looked over before it counts: until nothing is wrong with it,
    it is kept as a draft, and the same command goes on with it.

    Args:
        template: A template's id, with `@version` or `@range` after it if a certain one is meant.
        part: Which part of the version is raised: patch for a better wording, minor for more, major for what those
            who use it have to know.
        text: Take the whole text from this file, or from standard input (`-`), instead of opening an editor.
        folder: Where the new file is written.
    """
    registry = open_prompts(Path())
    found = registry.get(template)
    latest = parse_version(registry.versions(found.id)[-1])
    version = str(latest.next_version(part) if latest.prerelease else getattr(latest, f"bump_{part}")())
    target = _beside(path_for(found.id, folder), version)
    draft = target.with_name(target.name + DRAFT)
    before = _with_version(_text_of(found), version)
    if text:
        given = sys.stdin.read() if text == STDIN else file_text(Path(text))
        write_file(draft, _with_version(given, version))
    else:
        if not draft.exists():
            write_file(draft, before)
        _open_editor(draft)
    return _take_over(draft, target, before, found)


def _take_over(draft: Path, target: Path, before: str, found: PromptTemplate) -> ExitCode:
    now = file_text(draft)
    if now == before:
        draft.unlink()
        stdout().print("Nothing was changed.")
        return ExitCode.COMPLETED
    findings = lint_text(now, origin=str(draft), registry=readable_registry(prompt_folders(Path())))
    print_findings(findings)
    if code_of(findings) is not ExitCode.COMPLETED:
        stdout().print(f"It is kept in {draft}, and is no template yet. The same command goes on with it.")
        return ExitCode.BAD_PLAN_OR_USAGE
    written = read_template(now, origin=str(draft))
    if written.id != found.id:
        raise UsageError(
            f"The text is about {written.id!r} and not about {found.id!r}. Leave the id as it is; `prompts new` begins "
            f"another template."
        )
    draft.replace(target)
    stdout().print(f"Written: {target}, {written.reference}.", soft_wrap=True)
    if open_prompts(Path()).release_of(found.id) is not None:
        way = f"agentic-prefect prompts rollout {found.id} {written.version} --percent 10"
        stdout().print(f"Its releases say which version is in use. Try this one: {way}", soft_wrap=True)
    return ExitCode.COMPLETED


def _open_editor(path: Path) -> None:
    words = next((found for name in EDITORS if (found := environment().get(name, "").strip())), "")
    if not words and not is_attended():
        raise UsageError(
            f"There is no editor. Set {' or '.join(EDITORS)}, or give the text with `--text FILE`; the draft is "
            f"{str(path)!r}."
        )
    command = [*shlex.split(words or "vi"), str(path)]
    try:
        ended = subprocess.run(command, check=False)
    except OSError as error:
        raise UsageError(f"The editor {command[0]!r} cannot be started: {error.strerror or error}.") from error
    if ended.returncode != 0:
        raise UsageError(f"The editor {command[0]!r} ended with exit code {ended.returncode}. Draft: {str(path)!r}.")


def _text_of(template: PromptTemplate) -> str:
    origin = Path(template.origin)
    return file_text(origin) if template.origin and origin.is_file() else written_template(template)


def _with_version(text: str, version: str) -> str:
    """The file's text with this version in its front matter."""
    line = f"version: {version}"
    front, mark, rest = text.replace("\r\n", "\n").partition("\n---")
    if _VERSION.search(front):
        return _VERSION.sub(line, front, count=1) + mark + rest
    return _ID.sub(lambda found: f"{found[0]}\n{line}", front, count=1) + mark + rest


def _beside(path: Path, version: str) -> Path:
    return path.with_name(f"{path.name.removesuffix('.md.j2')}-{version}.md.j2")
