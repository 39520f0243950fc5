"""What `settings` shows."""

from collections.abc import Sequence

from pydantic_core import to_jsonable_python
from rich.table import Table

from agentic_prefect.reports.wording import one_line
from agentic_prefect.settings import SettingOrigin, setting_origins


def found() -> Sequence[SettingOrigin]:
    """The settings that hold here."""
    return setting_origins()


def as_data(setting: SettingOrigin) -> dict[str, object]:
    """One of them for programs; a secret is shown as asterisks."""
    return {
        "name": setting.name,
        "value": to_jsonable_python(setting.value),
        "origin": setting.origin,
        "variable": setting.variable,
    }


def table(settings: Sequence[SettingOrigin]) -> Table:
    """The settings, a row each."""
    page = Table("Setting", "Value", "Set in", "What it is", box=None, pad_edge=False)
    for each in settings:
        value = to_jsonable_python(each.value)
        page.add_row(each.name, one_line(str(value), 40), each.origin, each.description)
    return page
