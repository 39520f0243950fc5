"""The real default model for the tests that are marked `local_model`, fetched once into this machine's cache."""

import os
from pathlib import Path

import pytest

from agentic_prefect.llm.local.engine import is_installed
from agentic_prefect.llm.local.unavailable import LocalModelUnavailable
from agentic_prefect.llm.local.weights import default_cache_dir, fetch


@pytest.fixture(scope="session")
def default_weights() -> Path:
    """The default model's file in the user's cache. Skips where it cannot be had; a CI run fails instead."""
    if not is_installed():
        pytest.skip("the engine is not installed: pip install 'agentic-prefect[local]'")
    try:
        return fetch(default_cache_dir(os.environ))
    except LocalModelUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the default model cannot be fetched here: {error}")


@pytest.fixture
def cache_dir(tmp_path: Path, default_weights: Path) -> Path:
    """A cache of the test's own that holds the default model and no engine's record."""
    models = tmp_path / "cache" / "models"
    models.parent.mkdir()
    models.symlink_to(default_weights.parents[1], target_is_directory=True)
    return models.parent
