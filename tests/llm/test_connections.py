"""Models found by name."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from pydantic import SecretStr

from agentic_prefect.errors import AgenticError, AuthenticationFailed, PlanInvalid
from agentic_prefect.llm.connections import Connections
from agentic_prefect.llm.openai_model import OpenAIModel
from agentic_prefect.models.chat import ModelSettings
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.usage import Usage
from agentic_prefect.ports import ChatModel
from agentic_prefect.testing import ScriptedChatModel, ScriptedServer
from tests.llm.conftest import ask

KEY = SecretStr("sk-test-0123456789")
LOCAL = Connection(base_url="http://127.0.0.1:1/v1", model="qwen")
REMOTE = Connection(base_url="https://llm.example/v1", api_key_env="REMOTE_KEY")


def with_key(name: str, connection: Connection) -> SecretStr | None:
    """Every connection has a key."""
    return KEY


def without_key(name: str, connection: Connection) -> SecretStr | None:
    """No connection has a key."""
    return None


def directory(default: str | None = None, *, keys: bool = True, **connections: Connection) -> Connections:
    """A directory of these connections."""
    return Connections(connections, keys=with_key if keys else without_key, default=default)


@dataclass(frozen=True)
class Case:
    """A name, and the connection and model that it means."""

    id: str
    name: str | None
    expected: tuple[str, str]
    default: str | None = "openai"


CASES = [
    Case("nothing is the default", None, ("openai", "gpt-5-mini")),
    Case("nothing is the default's model", None, ("local", "qwen"), "local"),
    Case("a connection", "local", ("local", "qwen")),
    Case("a connection to OpenAI", "openai", ("openai", "gpt-5-mini")),
    Case("a model of a connection", "local/llama", ("local", "llama")),
    Case("a model with a slash", "remote/meta/llama", ("remote", "meta/llama")),
    Case("a model of the default", "gpt-5", ("openai", "gpt-5")),
    Case("a slash that is the model's own", "meta/llama", ("openai", "meta/llama")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_resolve(case: Case) -> None:
    """A name means one connection and one model."""
    found = directory(case.default, openai=Connection(), local=LOCAL, remote=REMOTE).resolve(case.name)

    assert (found.connection, found.model) == case.expected


def test_only_connection_is_the_default() -> None:
    """With one connection nobody has to say which."""
    assert directory(local=LOCAL).resolve("llama").connection == "local"


def test_settings_come_along() -> None:
    """What a connection sets for its models is handed on."""
    settings = ModelSettings(temperature=0, extra={"cache_prompt": True})

    assert directory(a=LOCAL.model_copy(update={"settings": settings})).resolve(None).settings == settings


@dataclass(frozen=True)
class Refusal:
    """A directory and a name that does not work, and what is said."""

    id: str
    models: Connections
    name: str | None
    error: type[AgenticError]
    said: tuple[str, ...]


REFUSALS = [
    Refusal(
        "nothing set up",
        directory(),
        None,
        AuthenticationFailed,
        ("There is no model to ask", "OPENAI_API_KEY", "OPENAI_BASE_URL", "agentic-prefect local fetch", "rehearse"),
    ),
    Refusal(
        "nothing set up for a model", directory(), "gpt-5", AuthenticationFailed, ("There is no model 'gpt-5' to ask",)
    ),
    Refusal(
        "no default",
        directory(local=LOCAL, remote=REMOTE),
        None,
        PlanInvalid,
        ("No model is named", "local, remote", "CONNECTION/MODEL"),
    ),
    Refusal(
        "no default, a slip",
        directory(local=LOCAL, remote=REMOTE),
        "locl/x",
        PlanInvalid,
        ("The model 'locl/x' names no connection", "Did you mean 'local'?"),
    ),
    Refusal(
        "unknown default",
        directory("gone", local=LOCAL),
        None,
        PlanInvalid,
        ("The default connection 'gone' is not set up", "local"),
    ),
    Refusal("no model", directory(remote=REMOTE), "remote", PlanInvalid, ("Connection 'remote'", "remote/MODEL")),
    Refusal(
        "no key for OpenAI",
        directory(keys=False, openai=Connection()),
        None,
        AuthenticationFailed,
        ("Connection 'openai'", "'OPENAI_API_KEY' is not set", "--model local", "agentic-prefect rehearse"),
    ),
    Refusal(
        "no key elsewhere",
        directory(keys=False, remote=REMOTE),
        "remote/m",
        AuthenticationFailed,
        ("'REMOTE_KEY' is not set", "any value will do"),
    ),
    Refusal(
        "no name for the key",
        directory(keys=False, a=Connection(base_url="https://llm.example")),
        "a/m",
        AuthenticationFailed,
        ("name the environment variable that holds it in the connection's `api_key_env`",),
    ),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.id)
def test_refusals_name_the_way_out(case: Refusal) -> None:  # L-60, L-52
    """A model that cannot be had is found out before any request, with what to do."""
    with pytest.raises(case.error) as caught:
        case.models.resolve(case.name)

    assert [part for part in case.said if part not in str(caught.value)] == []


def test_loopback_needs_no_key() -> None:
    """A server on this machine may go without a key."""
    assert directory(keys=False, local=LOCAL).resolve(None).model == "qwen"


def test_key_is_shown_nowhere() -> None:
    """No representation of a directory, a model or a connection holds the key."""
    models = directory(remote=REMOTE.model_copy(update={"api_key": KEY}))
    found = models.resolve("remote/m")

    assert "0123456789" not in f"{models!r}{found!r}{found.chat!r}{REMOTE.model_copy(update={'api_key': KEY})!r}"


def test_own_key_comes_first() -> None:
    """A key that the connection holds is taken before any other is asked for."""
    made: list[Connection] = []

    def make(name: str, connection: Connection) -> ChatModel:
        made.append(connection)
        return ScriptedChatModel()

    own = SecretStr("sk-own-0123456789")
    Connections({"a": REMOTE.model_copy(update={"api_key": own, "model": "m"})}, keys=with_key, make=make).resolve("a")

    assert made[0].api_key == own


def test_one_client_per_connection() -> None:
    """All models of a connection share its client."""
    models = directory("openai", openai=Connection(), local=LOCAL)

    assert models.resolve("gpt-5").chat is models.resolve("openai/gpt-5-mini").chat
    assert models.resolve("local").chat is not models.resolve("openai").chat
    assert isinstance(models.resolve("local").chat, OpenAIModel)


async def test_aclose(scripted_server: ScriptedServer) -> None:
    """Closing lets go of the connections that are open, and the next call opens another."""
    connection = Connection(base_url=scripted_server.base_url, model="m", max_in_flight=1)
    models = directory(keys=False, local=connection)
    await models.resolve(None).chat.complete(ask())
    await models.aclose()
    await models.aclose()
    await models.resolve(None).chat.complete(ask())
    await models.aclose()

    assert scripted_server.count == 2


PRICES = [("openai", "gpt-5-mini", True), ("openai", "no-such-model", False), ("local", "gpt-5-mini", False)]


@pytest.mark.parametrize(("connection", "model", "known"), PRICES)
def test_price_depends_on_the_connection(connection: str, model: str, known: bool) -> None:
    """A model has its price where it is sold."""
    models = directory(openai=Connection(), local=LOCAL)
    cost = models.price(connection, model, Usage(input_tokens=1_000_000, calls=1))

    assert (cost is not None) is known
    assert cost is None or cost > Decimal(0)
