"""The house stands as drawn, and each of its rules catches the fault that it is there for."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.rules import RULES
from tests.architecture.source import Module, read_house

SOUND = {
    "agentic_prefect/__init__.py": "",
    "agentic_prefect/errors.py": "from agentic_prefect.models.plan import Plan\n",
    "agentic_prefect/models/__init__.py": "",
    "agentic_prefect/models/plan.py": "import datetime\n",
    "agentic_prefect/plans/__init__.py": "",
    "agentic_prefect/plans/expressions.py": "import jinja2\n\nfrom agentic_prefect.models.plan import Plan\n",
    "agentic_prefect/llm/__init__.py": "",
    "agentic_prefect/llm/openai_model.py": "import openai\n\nfrom agentic_prefect.models.plan import Plan\n",
    "agentic_prefect/prompting/__init__.py": "",
    "agentic_prefect/agents/__init__.py": "",
    "agentic_prefect/llm/pricing.py": "from agentic_prefect import errors\n",
    "agentic_prefect/agents/runner.py": "from agentic_prefect.llm import pricing\n",
    "agentic_prefect/settings.py": "import os\n\nHOME = os.environ['HOME']\n",
    "agentic_prefect/runtime/__init__.py": "",
    "agentic_prefect/runtime/run.py": "import time\n\nimport prefect\n\nfrom agentic_prefect.llm import pricing\n",
    "agentic_prefect/cli/__init__.py": "",
    "agentic_prefect/bootstrap.py": "from agentic_prefect.agents import runner\n",
    "flows/run_plan.py": "from agentic_prefect.runtime import run\n",
}
"""A house in which everything is in its place."""


@dataclass(frozen=True)
class Fault:
    """One file that breaks one rule."""

    id: str
    rule: str
    path: str
    text: str


FAULTS = [
    Fault("upward", "direction", "agentic_prefect/models/up.py", "from agentic_prefect.llm import pricing\n"),
    Fault(
        "upward_in_core", "direction", "agentic_prefect/models/up.py", "from agentic_prefect.plans import expressions\n"
    ),
    Fault("upward_to_a_door", "direction", "agentic_prefect/llm/up.py", "import agentic_prefect.cli\n"),
    Fault("upward_by_lazy_name", "direction", "agentic_prefect/llm/up.py", "from agentic_prefect import Plan\n"),
    Fault("sideways", "direction", "agentic_prefect/prompting/side.py", "from agentic_prefect.llm import pricing\n"),
    Fault(
        "hidden_in_a_function",
        "direction",
        "agentic_prefect/models/hidden.py",
        "def f():\n    from agentic_prefect.llm.pricing import price  # it is slow to load\n",
    ),
    Fault(
        "hidden_behind_import_module",
        "direction",
        "agentic_prefect/agents/hidden.py",
        "import importlib\n\n\ndef f():\n"
        "    return importlib.import_module('agentic_prefect.runtime.run')  # it is slow to load\n",
    ),
    Fault("unknown_part", "known_parts", "agentic_prefect/attic.py", ""),
    Fault("ring", "rings", "agentic_prefect/llm/ring.py", "from agentic_prefect.llm import ring_end\n"),
    Fault(
        "implementation_named_inside",
        "implementations",
        "agentic_prefect/runtime/chat.py",
        "from agentic_prefect.llm.openai_model import OpenAIModel\n",
    ),
    Fault("openai_outside_llm", "places", "agentic_prefect/agents/chat.py", "from openai import AsyncOpenAI\n"),
    Fault("jinja2_in_agents", "places", "agentic_prefect/agents/text.py", "import jinja2.sandbox\n"),
    Fault("jinja2_elsewhere_in_plans", "places", "agentic_prefect/plans/text.py", "import jinja2\n"),
    Fault("prefect_in_agents", "places", "agentic_prefect/agents/task.py", "from prefect import task\n"),
    Fault("prefect_in_core", "places", "agentic_prefect/plans/flow.py", "import prefect\n"),
    Fault(
        "environ_in_cli",
        "environment",
        "agentic_prefect/cli/run.py",
        "import os\n\nKEY = os.environ.get('OPENAI_API_KEY')\n",
    ),
    Fault(
        "getenv_in_llm", "environment", "agentic_prefect/llm/key.py", "import os\n\nKEY = os.getenv('OPENAI_API_KEY')\n"
    ),
    Fault("environ_by_name", "environment", "flows/door.py", "from os import environ\n"),
    Fault("clock", "pure_core", "agentic_prefect/plans/clock.py", "from time import monotonic\n"),
    Fault(
        "date", "pure_core", "agentic_prefect/models/date.py", "from datetime import datetime\n\nNOW = datetime.now()\n"
    ),
    Fault("chance", "pure_core", "agentic_prefect/plans/chance.py", "import random\n"),
    Fault("file", "pure_core", "agentic_prefect/plans/file.py", "TEXT = open('plan.yaml')\n"),
    Fault("path", "pure_core", "agentic_prefect/plans/file.py", "from pathlib import Path\n"),
    Fault("network", "pure_core", "agentic_prefect/plans/net.py", "import urllib.request\n"),
    Fault("loop", "pure_core", "agentic_prefect/plans/loop.py", "import asyncio\n"),
    Fault(
        "deferred_without_reason", "deferred_imports", "agentic_prefect/llm/late.py", "def f():\n    import openai\n"
    ),
    Fault(
        "deferred_with_only_a_noqa",
        "deferred_imports",
        "agentic_prefect/llm/late.py",
        "def f():\n    import openai  # noqa: PLC0415\n",
    ),
    Fault(
        "broad_except",
        "broad_except",
        "agentic_prefect/llm/broad.py",
        "try:\n    x = 1\nexcept (KeyError, Exception):\n    x = 2\n",
    ),
    Fault("long_file", "file_length", "agentic_prefect/llm/long.py", "x = 1\n" * 301),
    Fault("utils", "file_names", "agentic_prefect/llm/utils.py", ""),
    Fault("manager_in_a_name", "file_names", "agentic_prefect/llm/model_manager.py", ""),
]


@pytest.fixture(scope="module")
def modules(repository: Path) -> tuple[Module, ...]:
    """The source of the whole house."""
    return read_house(repository)


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps(rule: str, modules: tuple[Module, ...]) -> None:
    """Each rule holds in the whole house."""
    broken = [str(violation) for violation in RULES[rule](modules)]

    assert not broken, "\n".join(broken)


def test_a_sound_house_breaks_no_rule(tmp_path: Path) -> None:
    """What is in its place is left alone, so that a report means a fault."""
    assert _broken_rules(tmp_path, SOUND) == {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_is_caught(fault: Fault, tmp_path: Path) -> None:
    """A house with one fault breaks the rule that the fault is against, and no other."""
    ring_end = {"agentic_prefect/llm/ring_end.py": "def f():\n    from agentic_prefect.llm import ring  # slow\n"}
    files = SOUND | {fault.path: fault.text} | (ring_end if fault.rule == "rings" else {})

    broken = _broken_rules(tmp_path, files)

    assert list(broken) == [fault.rule]
    assert Path(fault.path).stem in broken[fault.rule]


def test_a_plan_is_loaded_without_the_heavy_libraries() -> None:
    """Whoever only reads plans pays for none of the libraries that run them."""
    heavy = {"prefect", "openai", "jinja2", "sqlalchemy", "fastapi", "rich", "cyclopts"}
    code = f"import sys, agentic_prefect.models.plan; print(sorted(set(sys.modules) & {heavy!r}))"

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


def test_prompts_and_plans_ship_with_the_package(repository: Path) -> None:
    """The wheel takes the prompts and the stored plans along, under names that the package owns."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())

    taken = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert taken == {"prompts": "agentic_prefect/_prompts", "flows/plans": "agentic_prefect/_plans"}


def _broken_rules(root: Path, files: dict[str, str]) -> dict[str, str]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    modules = read_house(root)
    reports = {name: "\n".join(map(str, rule(modules))) for name, rule in RULES.items()}
    return {name: report for name, report in reports.items() if report}
