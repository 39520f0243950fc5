"""Finds models by name among the connections of a run."""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Protocol, runtime_checkable

from pydantic import SecretStr

from agentic_prefect.errors import AuthenticationFailed, PlanInvalid
from agentic_prefect.llm.openai_model import OpenAIModel
from agentic_prefect.llm.pricing import price
from agentic_prefect.llm.throttle import Hold, Throttle
from agentic_prefect.models.address import OPENAI_KEY_ENV, base_url_of, is_loopback, is_openai
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.redaction import redacted
from agentic_prefect.ports import ChatModel, ResolvedModel, SharedLimits

DEFAULT_OPENAI_MODEL = "gpt-5-mini"
"""The model of a connection to OpenAI that names none."""

WITHOUT_KEY = (
    "Without a key: install the extra `local` and run `agentic-prefect local fetch`, then add `--model local`; "
    "or watch the plan with `agentic-prefect rehearse`, which asks no model."
)
"""The ways on for somebody who has no key."""

Keys = Callable[[str, Connection], SecretStr | None]
"""The key of a connection, by its name; `None` when there is none. Reads the environment, which only settings may."""


@runtime_checkable
class Closable(Protocol):
    """A model that holds connections open."""

    def aclose(self) -> Awaitable[None]:
        """Close those of the running event loop."""
        ...


def _openai_model(name: str, connection: Connection) -> ChatModel:
    return OpenAIModel(connection, name=name)


_throttles: dict[tuple[object, ...], Throttle] = {}
_holds: dict[tuple[str, str], Hold] = {}
"""Those of this process, whoever runs plans in it."""


class Connections:
    """A `ModelDirectory` over named connections, with one client for each.

    Args:
        connections: By name.
        keys: Asked for a connection that holds no key itself.
        default: The connection of models that name none; `None` is the only one there is.
        make: Makes the client of a connection, its key filled in.
        shared: Limits that all processes have in common; `None` where there are none.
    """

    def __init__(
        self,
        connections: Mapping[str, Connection],
        *,
        keys: Keys,
        default: str | None = None,
        make: Callable[[str, Connection], ChatModel] = _openai_model,
        shared: SharedLimits | None = None,
    ) -> None:
        self._connections, self._keys, self._make = dict(connections), keys, make
        self._default = default or (next(iter(connections)) if len(connections) == 1 else None)
        self._clients: dict[str, ChatModel] = {}
        self._open: list[Closable] = []
        self._shared = shared

    def resolve(self, name: str | None) -> ResolvedModel:
        """The model called `"connection/model-id"`, a connection's name, or a bare model id; `None` is the default.

        A part before a slash that is no connection belongs to the model id: `meta-llama/llama-4` is one.

        Raises:
            AuthenticationFailed: The connection needs a key and has none, or there is no connection at all.
            PlanInvalid: No connection could serve, or it names no model.
        """
        first, _, rest = (name or "").partition("/")
        if first in self._connections:
            connection, model = first, rest
        else:
            connection, model = self._default_for(name), name or ""
        found = self._connections[connection]
        return ResolvedModel(
            chat=self._client(connection),
            model=model or _model_of(connection, found),
            connection=connection,
            settings=found.settings,
        )

    def price(self, connection: str, model: str, usage: Usage) -> Decimal | None:
        """US dollars for `usage` of a connection's model; `None` when nobody knows."""
        return price(model, usage, base_url=base_url_of(self._connections[connection]))

    def throttle(self, connection: str) -> Throttle:
        """What the requests of a connection wait for.

        The same for all runs of this process that reach that address with the same limits; a provider's word to wait
        holds for all that reach it.
        """
        found = self._connections[connection]
        place = (connection, base_url_of(found))
        limits = (found.max_in_flight, found.requests_per_minute, found.tokens_per_minute, self._shared is None)
        if (*place, *limits) not in _throttles:
            hold = _holds.setdefault(place, Hold())
            _throttles[(*place, *limits)] = Throttle(connection, found, self._shared, hold)
        return _throttles[(*place, *limits)]

    def renew_key(self, name: str | None, key: SecretStr) -> None:
        """Use another key for the connection of a model from the next call on.

        Args:
            name: The model, as for `resolve`.
            key: The new key; it is kept in memory only.

        Raises:
            PlanInvalid: No such connection.
        """
        first = (name or "").partition("/")[0]
        connection = first if first in self._connections else self._default_for(name)
        self._connections[connection] = self._connections[connection].model_copy(update={"api_key": key})
        self._clients.pop(connection, None)

    async def aclose(self) -> None:
        """Close what the clients hold open in the running event loop."""
        for client in self._open:
            await client.aclose()

    def _default_for(self, name: str | None) -> str:
        """The default connection, for a model that names none."""
        if self._default in self._connections:
            return self._default
        if not self._connections:
            wanted = "There is no model to ask" if name is None else f"There is no model {name!r} to ask"
            raise AuthenticationFailed(
                f"{wanted}: no connection is set up. Set {OPENAI_KEY_ENV}, or OPENAI_BASE_URL for a compatible "
                f"server. {WITHOUT_KEY}"
            )
        known = ", ".join(sorted(self._connections))
        if self._default is not None:
            raise PlanInvalid(f"The default connection {self._default!r} is not set up. There are: {known}.")
        near = get_close_matches((name or "").partition("/")[0], self._connections, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        subject = "No model is named" if name is None else f"The model {name!r} names no connection"
        raise PlanInvalid(
            f"{subject}, and none of the connections is the default: {known}.{guess} Write `model: CONNECTION/MODEL`."
        )

    def _client(self, name: str) -> ChatModel:
        if name not in self._clients:
            connection = self._with_key(name, self._connections[name])
            client = self._make(name, connection)
            if isinstance(client, Closable):
                self._open.append(client)
            self._clients[name] = client
        return self._clients[name]

    def _with_key(self, name: str, connection: Connection) -> Connection:
        if connection.api_key is not None:
            return connection
        key, base_url = self._keys(name, connection), base_url_of(connection)
        if key is None and not is_loopback(base_url):
            raise AuthenticationFailed(
                f"Connection {name!r} ({base_url}) needs a key and has none: {_missing(connection)} "
                f"(any value will do for a server that asks for none). {WITHOUT_KEY}"
            )
        return connection.model_copy(update={"api_key": key})


def _missing(connection: Connection) -> str:
    variable = connection.api_key_env or (OPENAI_KEY_ENV if is_openai(base_url_of(connection)) else None)
    if variable is None:
        return "name the environment variable that holds it in the connection's `api_key_env`"
    return f"the environment variable {variable!r} is not set"


def _model_of(name: str, connection: Connection) -> str:
    if connection.model:
        return connection.model
    if is_openai(base_url_of(connection)):
        return DEFAULT_OPENAI_MODEL
    raise PlanInvalid(
        f"Connection {name!r} ({redacted(base_url_of(connection))}) names no model. Set `model` on the connection, "
        f"write `model: {name}/MODEL`, or give `--model {name}/MODEL`."
    )
