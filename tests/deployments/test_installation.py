"""The files for an installation on several machines: what they name is there."""

import json
import re
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import yaml
from prefect.settings.legacy import _get_settings_fields
from prefect.settings.models.root import Settings

from agentic_prefect.settings import AgenticSettings
from tests import patient

OTHERS = {"DO_NOT_TRACK"}
SECRETS = "secrets.env"
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
    """Keys, passwords and logins come from where a platform keeps secrets."""
    texts = [path.read_text() for path in (repository / "deployments").iterdir() if path.is_file()]

    assert not re.search(r"(_API_KEY|PASSWORD|AUTH_STRING)[ \t]*[=:][ \t]*[^\s$?]", "\n".join(texts))
    assert not re.search(r"://\w+:[^@$\s]+@", "\n".join(texts))


def test_the_compose_file_fits_together(repository: Path) -> None:
    """Everything that a service waits for, mounts or reads is there; two API servers and three workers share it."""
    folder = repository / "deployments"
    found: dict[str, Any] = yaml.safe_load((folder / "compose.yaml").read_text())
    services = found["services"]
    waited_for = {name for each in services.values() for name in each.get("depends_on", ())}
    files = {file for each in services.values() for file in each.get("env_file", ())}
    mounts = [mount.split(":")[0] for each in services.values() for mount in each.get("volumes", ())]

    assert waited_for <= set(services)
    assert all((folder / file).is_file() for file in files - {SECRETS})
    assert all((folder / mount).is_file() if mount.startswith("./") else mount in found["volumes"] for mount in mounts)
    assert (services["api"]["deploy"]["replicas"], services["worker"]["deploy"]["replicas"]) == (2, 3)
    assert "--no-services" in services["api"]["command"]


def test_each_secret_of_the_compose_file_has_a_line_in_the_example(repository: Path) -> None:
    """Everything that has to be set is in the example, without a value; the file that holds the values is ignored."""
    folder = repository / "deployments"
    asked_for = set(re.findall(r"\$\{(\w+)", (folder / "compose.yaml").read_text()))
    lines = (folder / f"{SECRETS}.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    assert asked_for < given.keys()
    assert set(given.values()) == {""}
    assert SECRETS in (repository / ".gitignore").read_text().splitlines()


def test_the_compose_file_can_be_reached_and_is_bounded(repository: Path) -> None:
    """The API and the UI are published on this machine alone, ask for a login, and each service has limits; providers'
    keys reach the workers and nobody else.
    """
    services = yaml.safe_load((repository / "deployments" / "compose.yaml").read_text())["services"]
    published = {name: each["ports"] for name, each in services.items() if "ports" in each}
    login = "PREFECT_SERVER_API_AUTH_STRING"
    with_login = {name for name, each in services.items() if login in each.get("environment", ())}

    assert published == {"api": ["127.0.0.1:4200-4201:4200"]}
    assert [name for name, each in services.items() if not {"mem_limit", "cpus"} <= each.keys()] == []
    assert with_login == {"migrate", "api", "services"}
    assert [name for name, each in services.items() if SECRETS in each.get("env_file", ())] == ["worker"]


def test_the_image_holds_no_more_than_it_needs(repository: Path) -> None:
    """It is built in a stage of its own, from files that are named one by one, and runs as somebody else than root."""
    lines = (repository / "deployments" / "Dockerfile").read_text().splitlines()
    stages = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    last = lines[stages[-1] :]
    ignored = [line for line in (repository / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    let_through = {line[1:] for line in ignored if line.startswith("!")}

    assert len(stages) == 2
    assert [line for line in last if line.startswith(("COPY", "ADD", "USER"))] == [
        "COPY flows /opt/agentic-prefect/flows",
        "USER 10001",
    ]
    assert ignored[0] == "*"
    assert all((repository / each).exists() for each in let_through)
    assert {"agentic_prefect", "flows", "prompts", "pyproject.toml", "README.md", "LICENSE"} <= let_through


def test_no_deployment_names_a_place_on_the_deployers_machine(repository: Path) -> None:
    """Flows are named by their modules, which are in the image, and no pull step changes to a folder."""
    written = yaml.safe_load((repository / "deployments" / "prefect.yaml").read_text())
    entrypoints = [each["entrypoint"] for each in written["deployments"]]

    assert written["pull"] == []
    assert [each for each in entrypoints if not re.fullmatch(r"(agentic_prefect|flows)(\.\w+){2}", each)] == []
    assert all(callable(resolve_name(each)) for each in entrypoints)


def test_a_pod_has_settings_results_and_bounds(repository: Path) -> None:
    """It is given the config map and the secret, mounts the results, is not root, and has limits of both kinds."""
    template = json.loads((repository / "deployments" / "kubernetes-pool.json").read_text())
    pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    settings = (repository / "deployments" / "worker.env").read_text()
    mounted_at = re.findall(r"^PREFECT_RESULTS_LOCAL_STORAGE_PATH=(.+)$", settings, re.MULTILINE)

    # The worker takes no template whose pod lacks these two.
    assert (pod["parallelism"], pod["completions"]) == (1, 1)
    assert [next(iter(each)) for each in container["envFrom"]] == ["configMapRef", "secretRef"]
    assert [each["mountPath"] for each in container["volumeMounts"]] == mounted_at
    assert [each["name"] for each in pod["volumes"]] == ["results"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001}
    assert container["resources"]["limits"].keys() == {"cpu", "memory"}


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
