"""`agentic-prefect prune`."""

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from agentic_prefect.cli.terminal import stdout


def prune(
    *,
    older_than: str = "",
    only: Annotated[tuple[Literal["results", "artifacts", "history"], ...], Parameter(negative=())] = (),
) -> None:
    """Remove what old runs left behind: results, artifacts, history.

    Results hold outputs and prompts, artifacts the reports, prompts and errors, the history what failed and how. A run
    whose results are removed pays for its tasks again when it is resumed.

    Args:
        older_than: How old, such as 12h, 30d, 8w; left out, the setting `keep_days` says it.
        only: Remove only this; may be given several times.
    """
    # Loaded here, as in the other commands: Prefect and SQLAlchemy take a while.
    from agentic_prefect.cli.leftovers import remove, told

    pruned = remove(older_than, only)
    stdout().print(told(pruned), soft_wrap=True)
    if pruned.results is not None and pruned.results.elsewhere:
        sys.stderr.write(
            f"Results lie in a storage of type {pruned.results.elsewhere!r}, which can only be emptied from there: "
            f"give it a rule that removes what is old.\n"
        )
