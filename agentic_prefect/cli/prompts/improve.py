"""`agentic-prefect prompts improve`."""

from pathlib import Path

from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.bootstrap.prompt_drafts import improve as improved
from agentic_prefect.cli.prompts.asking import run_to_result
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.models.agent import PolicyFields


def improve(template: str, /, *, wish: str = "", model: str | None = None) -> None:
    """Ask a model for a better version of a template; it is kept as a draft.

    The model is told how the version has done in earlier runs. Nobody is given a draft before `prompts approve`
    publishes it. What the model writes must compile, need no more data than before, and pass the template's tests.

    Args:
        template: A template's id, with `@version` after it if a certain one is meant.
        wish: What is to be better.
        model: The model that is asked, as `connection/model-id` or a model id of the default connection.
    """
    base_dir = Path()
    options = RunOptions(policy=PolicyFields(model=model), base_dir=base_dir)
    draft, path = improved(template, run_to_result, wish=wish, options=options, base_dir=base_dir)
    stdout().print(f"{draft.reference}: {draft.notes}", soft_wrap=True)
    stdout().print(f"Written: {path}. Nobody is given it before it is approved.", soft_wrap=True)
    stdout().print(f"See `prompts diff {draft.parent} {draft.reference}`, then `prompts approve {draft.reference}`.")
