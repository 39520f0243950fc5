"""Which model answers when nobody, a plan or the environment names one."""

from pathlib import Path

import pytest

from agentic_prefect.bootstrap import RunOptions, default_model_name
from agentic_prefect.errors import AuthenticationFailed, PlanInvalid
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.testing import make_plan

PLAN = make_plan({"id": "x"})
OWN = make_plan({"id": "x"}, models={"house": {"base_url": "http://127.0.0.1:9/v1", "model": "m1"}})


@pytest.fixture(autouse=True)
def _no_local_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_CACHE", str(tmp_path))


def test_openai_when_there_is_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment makes OpenAI the default."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")

    assert default_model_name(PLAN) == "openai/gpt-5-mini"


def test_the_option_outranks_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--model` serves tasks that name none."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")

    assert default_model_name(PLAN, RunOptions(policy=PolicyFields(model="openai/gpt-9"))) == "openai/gpt-9"


def test_a_plan_s_only_connection_is_its_default() -> None:
    """A plan that brings one connection needs nothing else."""
    assert default_model_name(OWN) == "house/m1"


def test_a_plan_without_models_asks_none() -> None:
    """Functions need no model, and no key."""
    plan = make_plan({"id": "x", "kind": "function", "call": "agentic_prefect.examples.feedback:aggregate"})

    assert default_model_name(plan) is None


def test_nothing_at_all_names_the_ways_out() -> None:
    """The error names the variables, the local model and the rehearsal."""
    with pytest.raises(AuthenticationFailed) as caught:
        default_model_name(PLAN)

    message = str(caught.value)
    assert all(word in message for word in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "local fetch", "rehearse"))


def test_a_connection_without_its_key_is_refused() -> None:
    """A plan's remote connection whose key is not set is named together with the variable."""
    plan = make_plan(
        {"id": "x"},
        models={"far": {"base_url": "https://models.example/v1", "model": "m", "api_key_env": "FAR_API_KEY"}},
    )

    with pytest.raises(AuthenticationFailed, match="'FAR_API_KEY' is not set"):
        default_model_name(plan)


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("AWS_SECRET_ACCESS_KEY", "only those whose name ends in '_API_KEY'"),
        ("PREFECT_API_KEY", "those whose name begins with 'PREFECT_' hold what is Prefect's own"),
        ("OPENAI_API_KEY", "may not send OPENAI_API_KEY to"),
    ],
)
def test_a_plan_cannot_carry_secrets_away(variable: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan's own connection gets no other secret, and OpenAI's key only for OpenAI."""
    monkeypatch.setenv(variable, "secret")
    far = {"base_url": "https://elsewhere.example/v1", "model": "m", "api_key_env": variable}
    plan = make_plan({"id": "x", "model": "far"}, models={"far": far})

    with pytest.raises(PlanInvalid, match=message):
        default_model_name(plan)


@pytest.mark.parametrize(
    ("allowed", "is_sent"),
    [
        ('["FAR_API_KEY@models.example"]', True),
        ('["OTHER_API_KEY@*", "FAR_*@*.example"]', True),
        ('["FAR_API_KEY@models.example.evil.test"]', False),
        ("[]", False),
    ],
)
def test_which_keys_go_where_can_be_set(allowed: str, is_sent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting names variable and host; OpenAI's key is bound to its own address all the same."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_KEYS", allowed)
    monkeypatch.setenv("FAR_API_KEY", "secret")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    far = {"base_url": "https://Models.example/v1", "model": "m", "api_key_env": "FAR_API_KEY"}
    plan = make_plan({"id": "x", "model": "far"}, models={"far": far})

    assert default_model_name(make_plan({"id": "x"})) == "openai/gpt-5-mini"
    if is_sent:
        assert default_model_name(plan) == "far/m"
    else:
        with pytest.raises(PlanInvalid, match=r"If 'FAR_API_KEY@models\.example' is meant, allow it with"):
            default_model_name(plan)
