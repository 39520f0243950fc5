"""Settings, from the environment and from Prefect's profiles. The only place that reads the environment."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from prefect.settings.base import PrefectBaseSettings, build_settings_config
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from agentic_prefect.models.agent import PolicyFields


class AgenticSettings(PrefectBaseSettings):
    """What is set for every run on this machine; a run, a plan, an agent and a task may set it otherwise."""

    model_config: ClassVar[SettingsConfigDict] = build_settings_config(("integrations", "agentic"))

    model: str | None = Field(default=None, description="The model of tasks that name none.")
    timeout_s: float | None = Field(default=None, gt=0, description="Seconds that one attempt may take.")
    retries: int | None = Field(default=None, ge=0, le=50, description="Retries after a retryable error.")
    allowed_packages: tuple[str, ...] = Field(
        default=("agentic_prefect.examples",),
        description="Packages whose functions and models a plan may name.",
    )
    prompts: tuple[Path, ...] = Field(default=(), description="Folders with prompt templates, the last one first.")
    plans: tuple[Path, ...] = Field(default=(), description="Folders with stored plans, besides the ones shipped.")
    shared_limits: bool = Field(
        default=False, description="Whether limits set with `agentic-prefect limits` hold back all workers together."
    )
    cache: Path | None = Field(default=None, description="Where downloads are kept; None is the user's cache folder.")

    def policy(self) -> PolicyFields:
        """The part that takes part in the nearest-wins order of policies."""
        given = {
            name: value for name in ("model", "timeout_s", "retries") if (value := getattr(self, name)) is not None
        }
        return PolicyFields(**given)


def environment() -> Mapping[str, str]:
    """The process's environment."""
    return os.environ


@dataclass(frozen=True, slots=True)
class Process:
    """A process on some machine."""

    host: str
    pid: int

    @property
    def is_gone(self) -> bool:
        """Whether it has certainly ended: it was on this machine, and is there no more."""
        if not self.pid or self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # somebody else's process
            return False
        return False


def this_process() -> Process:
    """The one that asks."""
    return Process(socket.gethostname(), os.getpid())


def secret(name: str) -> SecretStr | None:
    """The value of an environment variable that holds a secret; `None` when it is unset or empty."""
    value = os.environ.get(name, "").strip()
    return SecretStr(value) if value else None
