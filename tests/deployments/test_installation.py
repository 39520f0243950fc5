"""The files for an installation on several machines: what they name is there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.settings.legacy import _get_settings_fields
from prefect.settings.models.root import Settings

from agentic_prefect.settings import AgenticSettings
from tests import patient

OTHERS = {"DO_NOT_TRACK"}
REDIS = re.compile(r"PREFECT_REDIS_MESSAGING_(HOST|PORT)")


@pytest.mark.parametrize("name", ["server.env", "worker.env"])
def test_each_variable_is_one_that_somebody_reads(name: str, repository: Path) -> None:
    """A variable that is misspelt would be passed over without a word."""
    known = set(_get_settings_fields(Settings)) | {
        f"PREFECT_INTEGRATIONS_AGENTIC_{field.upper()}" for field in AgenticSettings.model_fields
    }
    lines = (repository / "deployments" / name).read_text().splitlines()
    given = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]

    assert [each for each in given if each not in known | OTHERS and not REDIS.fullmatch(each)] == []


def test_no_key_stands_in_a_file(repository: Path) -> None:
    """Keys come from where a platform keeps secrets."""
    texts = [path.read_text() for path in (repository / "deployments").iterdir() if path.is_file()]

    assert not re.search(r"_API_KEY\s*[=:]\s*\S", "\n".join(texts))


def test_the_compose_file_fits_together(repository: Path) -> None:
    """Everything that a service waits for, mounts or reads is there; two API servers and three workers share it."""
    folder = repository / "deployments"
    found: dict[str, Any] = yaml.safe_load((folder / "compose.yaml").read_text())
    services = found["services"]
    waited_for = {name for each in services.values() for name in each.get("depends_on", ())}
    files = {each["env_file"] for each in services.values() if "env_file" in each}
    mounts = [mount.split(":")[0] for each in services.values() for mount in each.get("volumes", ())]

    assert waited_for <= set(services)
    assert all((folder / file).is_file() for file in files)
    assert all((folder / mount).is_file() if mount.startswith("./") else mount in found["volumes"] for mount in mounts)
    assert (services["api"]["deploy"]["replicas"], services["worker"]["deploy"]["replicas"]) == (2, 3)
    assert "--no-services" in services["api"]["command"]


@pytest.mark.prefect
@pytest.mark.parametrize(("kind", "name"), [("process", "process-pool.json"), ("kubernetes", "kubernetes-pool.json")])
def test_a_pools_template_is_taken_by_the_server(kind: str, name: str, repository: Path, prefect_server: str) -> None:
    """Each placeholder of the template has a variable, and the server makes a pool of it."""
    template = json.loads((repository / "deployments" / name).read_text())
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    made = patient.post(
        f"{prefect_server}/work_pools/",
        json={"name": f"from-{kind}-template", "type": kind, "base_job_template": template},
    )

    assert made.status_code == 201, made.text
    assert used == set(template["variables"]["properties"])
