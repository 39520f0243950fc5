"""Folders of this program in the user's cache."""

from pathlib import Path

from agentic_prefect.llm.local.weights import default_cache_dir
from agentic_prefect.settings import AgenticSettings, environment


def local_model_folder() -> Path:
    """Where the local model's file and its engine's state lie."""
    return AgenticSettings().cache or default_cache_dir(environment())


def server_folder() -> Path:
    """The home of the Prefect server that `demo` and `dev` start, apart from the user's own Prefect home."""
    return local_model_folder().parent / "prefect"
