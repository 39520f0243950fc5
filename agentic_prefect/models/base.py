"""The base of every piece of data: frozen, closed, and readable from JSON."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Data that cannot change and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
