"""The house in one table: which package may import which, and where each outside thing has its one place.

A part is a package or a top module of `agentic_prefect`, or a folder beside it (`flows`, `deployments`). Change this
table together with `docs/` when the house changes.
"""

from __future__ import annotations

from typing import Final

CORE: Final = frozenset({"errors", "models", "policies", "plans", "ports"})
PARTS: Final = frozenset({"llm", "prompting", "capabilities", "history", "reports", "plugins", "testing"})
AGENTS: Final = frozenset({"agents", "planning", "verification"})
PREFECT: Final = frozenset({"settings", "patience", "blocks", "observers", "interventions", "runtime"})
DOORS: Final = frozenset({"stored_plans", "bootstrap", "doors", "hosting", "cli", "flows", "deployments"})

_BELOW_AGENTS: Final = CORE | PARTS
_BELOW_PREFECT: Final = _BELOW_AGENTS | AGENTS
_BELOW_DOORS: Final = _BELOW_PREFECT | PREFECT

MAY_IMPORT: Final[dict[str, frozenset[str]]] = {
    # Floor 1, core: data and the errors about it at the bottom (`rings` keeps their files apart), decisions over them.
    "models": frozenset({"errors"}),
    "errors": frozenset({"models"}),
    "policies": frozenset({"errors", "models"}),
    "plans": frozenset({"errors", "models", "policies"}),
    "ports": frozenset({"errors", "models"}),
    # Floor 2, parts: one outside thing each, none knows another.
    **dict.fromkeys(PARTS, CORE),
    # The pytest plugin runs the tests that prompt templates carry.
    "testing": CORE | {"prompting"},
    # Floor 3, agents: parts put together.
    "agents": _BELOW_AGENTS,
    "verification": _BELOW_AGENTS | {"agents"},
    "planning": _BELOW_AGENTS | {"agents", "verification"},
    # Floor 4, Prefect.
    "settings": _BELOW_PREFECT,
    "patience": frozenset(),
    "blocks": _BELOW_PREFECT | {"settings"},
    "observers": _BELOW_PREFECT | {"settings"},
    "interventions": _BELOW_PREFECT | {"settings", "patience", "blocks", "observers"},
    "runtime": _BELOW_PREFECT | {"settings", "patience", "blocks", "observers", "interventions"},
    # Floor 5, doors. The package itself is one: its lazy names reach down to every floor.
    "": _BELOW_DOORS | {"bootstrap"},
    "stored_plans": _BELOW_DOORS,
    "bootstrap": _BELOW_DOORS | {"stored_plans"},
    "doors": _BELOW_DOORS | {"stored_plans", "bootstrap"},
    "hosting": _BELOW_DOORS | {"stored_plans", "bootstrap", "doors"},
    "cli": _BELOW_DOORS | {"", "stored_plans", "bootstrap", "doors", "hosting"},
    "flows": _BELOW_DOORS | {"", "stored_plans", "bootstrap", "doors", "examples"},
    "deployments": _BELOW_DOORS | {"", "bootstrap", "doors", "flows"},
    # What the shipped plans call: functions and output models, like those a user would write.
    "examples": frozenset(),
}
"""Part -> the other parts it may import."""

PLACES: Final[dict[str, frozenset[str]]] = {
    "openai": frozenset({"agentic_prefect.llm"}),
    "genai_prices": frozenset({"agentic_prefect.llm"}),
    "jinja2": frozenset({"agentic_prefect.prompting", "agentic_prefect.reports", "agentic_prefect.plans.expressions"}),
    "scipy": frozenset({"agentic_prefect.prompting"}),
    # The other one's database is Prefect's own, and it is Prefect that opens it.
    "sqlalchemy": frozenset({"agentic_prefect.history", "agentic_prefect.hosting.sqlite"}),
    "rich": frozenset({"agentic_prefect.reports", "agentic_prefect.cli"}),
    "cyclopts": frozenset({"agentic_prefect.cli"}),
    **dict.fromkeys(
        ("prefect_dask", "prefect_ray", "dask", "distributed", "ray"), frozenset({"agentic_prefect.runtime.functions"})
    ),
    "opentelemetry": frozenset({"agentic_prefect.observers", "agentic_prefect.bootstrap"}),
    "prefect": frozenset(
        {f"agentic_prefect.{part}" for part in PREFECT | {"bootstrap", "doors", "hosting", "cli"}}
        | {"flows", "deployments"}
    ),
}
"""Outside package -> the only modules and packages that may import it."""

IMPLEMENTATIONS: Final = frozenset(
    {f"agentic_prefect.observers.{name}" for name in ("artifacts", "history", "jsonl", "log", "otel", "prefect_events")}
    | {f"agentic_prefect.agents.{name}" for name in ("agent_kind", "function_kind", "runner")}
    | {f"agentic_prefect.llm.{name}" for name in ("connections", "openai_model", "local")}
    | {"agentic_prefect.history.sql_store"}
)
"""What stands behind a port. Its own part and the doors may name it; all others know the port alone."""

ENVIRONMENT_PLACE: Final = "agentic_prefect.settings"

BROAD_EXCEPT_PLACES: Final = frozenset(
    {
        "agentic_prefect.runtime.agent_task",
        "agentic_prefect.runtime.boundary",
        "agentic_prefect.runtime.functions",
        "agentic_prefect.runtime.redacted_logs",
        "agentic_prefect.runtime.work",
        "agentic_prefect.observers.dispatch",
        "agentic_prefect.agents.importing",
        "agentic_prefect.plugins",
    }
)
"""Where `except Exception` may stand: the task boundary (putting the work together, its attempts here and elsewhere,
the engine around it), event dispatch, the loading of plugins and of what a plan names, and where a log's arguments are
made text by code of their own."""

IMPURE: Final[dict[str, frozenset[str]]] = {
    "the clock": frozenset({"time"}),
    "chance": frozenset({"random", "secrets"}),
    "files": frozenset({"fcntl", "glob", "io", "os", "pathlib", "shutil", "sqlite3", "tempfile"}),
    "the network": frozenset(
        {"http", "httpx", "requests", "socket", "ssl", "urllib", "uvicorn", "starlette", "fastapi"}
    ),
    "what runs beside it": frozenset({"asyncio", "multiprocessing", "signal", "subprocess", "threading"}),
    "the process around it": frozenset({"getpass", "logging", "platform", "sys"}),
}
"""What the core may not know -> the modules that would tell it."""

PURE_NAMES: Final = frozenset({"pathlib.PurePath", "pathlib.PurePosixPath", "urllib.parse"})
"""Names out of impure modules that only compute."""

IMPURE_CALLS: Final = frozenset({"open", "input", "print", "exec", "eval", "__import__", "import_module"})
IMPURE_METHODS: Final = frozenset({"now", "utcnow", "today", "uuid1", "uuid4", "read_text", "write_text"})

FORBIDDEN_NAMES: Final = frozenset(
    {"common", "data", "helper", "helpers", "manager", "managers", "misc", "util", "utilities", "utils"}
)
"""Words that say nothing about what a file is for, as its name or as a part of it."""

MAX_LINES: Final = 300
