"""Settings, from the environment and from Prefect's profiles. The only place that reads the environment."""

import getpass
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from prefect.settings import get_current_settings
from prefect.settings.base import PrefectBaseSettings, build_settings_config
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import InitSettingsSource, NoDecode, SettingsConfigDict, SettingsError

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.error import ErrorDetail
from agentic_prefect.models.policy import FailureAction, FailurePolicy, RetryConfig
from agentic_prefect.plans.complaints import complaints
from agentic_prefect.plans.edges import fallbacks_of
from agentic_prefect.plans.given_policy import given_policy, policy_value
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.problems import PlanProblems, Problem
from agentic_prefect.plans.spans import LONGEST
from agentic_prefect.policies.own_patterns import own_patterns


class AgenticSettings(PrefectBaseSettings):
    """What is set for every run on this machine; a run, a plan, an agent and a task may set it otherwise."""

    model_config: ClassVar[SettingsConfigDict] = build_settings_config(("integrations", "agentic"))

    model: str | None = Field(default=None, description="The model of tasks that name none.")
    timeout_s: float | None = Field(default=None, gt=0, description="Seconds that one attempt may take.")
    retries: int | None = Field(default=None, ge=0, le=50, description="Retries after a retryable error.")
    max_turns: int | None = Field(
        default=None, ge=1, le=1000, description="How often an attempt may ask its model, repairs included."
    )
    allowed_packages: tuple[str, ...] = Field(
        default=("agentic_prefect.examples",),
        description="Packages whose functions and models a plan may name.",
    )
    allowed_deployments: tuple[str, ...] = Field(
        default=("run-plan/*",),
        description="Deployments that a plan may run, as FLOW/DEPLOYMENT with * for any text.",
    )
    allowed_keys: tuple[str, ...] | None = Field(
        default=None,
        description="Keys that connections of plans may send, as VARIABLE@HOST with * for any text; None allows all.",
    )
    functions_on: str = Field(
        default="threads",
        description="Where plain functions run: threads, processes, dask, dask:ADDRESS, ray, ray:ADDRESS, or a task "
        "runner as package.module:name.",
    )
    prompts: tuple[Path, ...] = Field(default=(), description="Folders with prompt templates, the last one first.")
    prompt_environment: str = Field(
        default="",
        description="Where this is, such as dev or prod: the prompt templates that are meant for it are used.",
    )
    prompts_in_prefect: bool = Field(
        default=False,
        description="Whether prompt templates, and which versions are in use, are read from Prefect, too.",
    )
    plans: tuple[Path, ...] = Field(default=(), description="Folders with stored plans, besides the ones shipped.")
    shared_limits: bool = Field(
        default=False, description="Whether limits set with `agentic-prefect limits` hold back all workers together."
    )
    redact: tuple[str, ...] = Field(
        default=(), description="Regular expressions of what is masked in logs, errors, events and artifacts, too."
    )
    error_detail: ErrorDetail = Field(default="full", description="What is kept of errors: none, summary or full.")
    cache: Path | None = Field(default=None, description="Where downloads are kept; None is the user's cache folder.")
    retry: Annotated[RetryConfig | None, NoDecode] = Field(
        default=None, description="How long to wait between attempts, as YAML: {base_s: 2, max_s: 30}."
    )
    on_failure: Annotated[FailureAction | None, NoDecode] = Field(
        default=None, description="What follows when a task has failed: skip_dependents, continue, abort, ask_human."
    )
    failure_policy: Annotated[FailurePolicy | None, NoDecode] = Field(
        default=None, description="The same and more by error code, as YAML: {rate_limit: {retry: 6}}."
    )
    suspend_after_s: float | None = Field(
        default=60.0,
        gt=0,
        description="Seconds after which a deployment's run that waits for people alone is suspended; None never.",
    )
    watch_runs: bool = Field(
        default=True, description="Whether deploying has the server end runs whose process is gone (`zombies`)."
    )
    keep_days: float | None = Field(
        default=None,
        gt=0,
        le=LONGEST.days,
        description="Days after which `agentic-prefect prune` removes what a run left behind.",
    )
    otel: bool = Field(default=False, description="Whether OpenTelemetry spans of plans, tasks and calls are made.")
    otel_content: bool = Field(default=False, description="Whether those spans hold prompts and answers.")
    history: bool = Field(default=True, description="Whether a history of runs is kept.")
    history_url: SecretStr | None = Field(
        default=None, description="The history's database; None is a file in Prefect's home."
    )
    history_texts: bool = Field(
        default=True, description="Whether the history holds error messages; otherwise only how long they were."
    )
    history_prompts: bool = Field(default=True, description="Whether the history holds the prompts that were sent.")
    history_report_every: int = Field(
        default=25, ge=0, description="After how many failures a report on patterns is made; 0 makes none."
    )

    def __init__(self, **values: Any) -> None:
        """Read them.

        Raises:
            PlanInvalid: One will not do; the message names it and says what would.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            found = error.errors(include_url=False)
            for own in (each.get("ctx", {}).get("error") for each in found):
                if isinstance(own, PlanInvalid):  # it says all of it in its own words
                    raise own from None
            given = {str(each["loc"][0]): each["input"] for each in found}
            raise PlanProblems("the settings", tuple(map(_named, complaints(error, given, {})))) from None
        except SettingsError as error:
            field = re.search(r'field "(\w+)"', str(error))
            problem = Problem(field[1] if field else "", "is no JSON", 'Write a list as `["one", "two"]`.')
            raise PlanProblems("the settings", (_named(problem),)) from None

    def history_address(self) -> str:
        """The address of the history's database."""
        if self.history_url is not None:
            return self.history_url.get_secret_value()
        return f"sqlite:///{get_current_settings().home / 'agentic-history.db'}"

    @field_validator("retry", "on_failure", "failure_policy", mode="before")
    @classmethod
    def _as_in_a_plan(cls, value: object, info: ValidationInfo) -> object:
        """Text is read as it stands in a plan; tasks cannot be named, since each plan has its own."""
        name, source = info.field_name or "", f"the setting {info.field_name!r}"
        given = policy_value(value, source=source) if isinstance(value, str) else value
        if given is None:
            return None
        fields = given_policy({name: given}, source=source)
        if named := fallbacks_of(fields):
            message = f"it names the tasks {listing(named)}, and a setting holds for every plan"
            raise PlanProblems(source, (Problem("", message, "Set fallbacks in the plan, or for one run."),))
        return getattr(fields, name)

    @field_validator("redact")
    @classmethod
    def _are_usable(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        own_patterns(patterns)
        return patterns

    @field_validator("functions_on")
    @classmethod
    def _is_a_place(cls, value: str) -> str:
        kind, colon, rest = value.partition(":")
        is_address = kind in ("dask", "ray") and bool(rest)
        is_reference = kind not in _PLACES_OF_FUNCTIONS and all(map(str.isidentifier, [*kind.split("."), rest]))
        if is_address or is_reference or (kind in _PLACES_OF_FUNCTIONS and not colon):
            return value
        raise PlanInvalid(
            f"functions_on is {value!r}, and functions run on: {listing(_PLACES_OF_FUNCTIONS)}, dask:ADDRESS, "
            f"ray:ADDRESS, or a Prefect task runner named as package.module:name. "
            f"{did_you_mean(value, _PLACES_OF_FUNCTIONS)}".strip()
        )

    def policy(self) -> PolicyFields:
        """The part that takes part in the nearest-wins order of policies."""
        given = {name: value for name in PolicyFields.model_fields if (value := getattr(self, name)) is not None}
        return PolicyFields(**given)


def _named(problem: Problem) -> Problem:
    """A problem of a setting, with the variable that sets it."""
    name = problem.path.partition(".")[0].partition("[")[0]
    return replace(problem, path=f"{problem.path} ({_variable(name)})")


def _variable(name: str) -> str:
    return f"PREFECT_INTEGRATIONS_AGENTIC_{name.upper()}"


_PLACES_OF_FUNCTIONS = ("threads", "processes", "dask", "ray")


def user_name() -> str:
    """Who uses this process, as the system knows them; empty when it does not."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


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


def secrets() -> frozenset[str]:
    """The values of all environment variables that hold API keys."""
    return frozenset(value for name in os.environ if name.endswith("_API_KEY") and (value := os.environ[name].strip()))


def secret(name: str) -> SecretStr | None:
    """The value of an environment variable that holds a secret; `None` when it is unset or empty."""
    value = os.environ.get(name, "").strip()
    return SecretStr(value) if value else None


@dataclass(frozen=True, slots=True)
class SettingOrigin:
    """What a setting is, and what said so."""

    name: str
    value: object
    """As it holds; a secret stays one."""
    origin: str
    """`environment`, a file, `profile`, or `default`."""
    variable: str
    """The environment variable that would set it."""
    description: str


def setting_origins() -> tuple[SettingOrigin, ...]:
    """Every setting of this package as it holds here, with where it was set; the first place that sets it wins."""
    settings = AgenticSettings()
    nothing = InitSettingsSource(AgenticSettings, {})
    sources = AgenticSettings.settings_customise_sources(AgenticSettings, nothing, nothing, nothing, nothing)
    found: dict[str, str] = {}
    for source in reversed(sources):
        label = _PLACES.get(type(source).__name__, "elsewhere")
        found |= dict.fromkeys(source(), label)
    return tuple(
        SettingOrigin(
            name,
            getattr(settings, name),
            found.get(name, "default"),
            _variable(name),
            field.description or "",
        )
        for name, field in AgenticSettings.model_fields.items()
    )


_PLACES = {
    "EnvFilterSettingsSource": "environment",
    "FilteredDotEnvSettingsSource": ".env",
    "PrefectTomlConfigSettingsSource": "prefect.toml",
    "PyprojectTomlConfigSettingsSource": "pyproject.toml",
    "ProfileSettingsTomlLoader": "profile",
}
"""Prefect's sources of settings, by the names of their classes -> what people call them."""
