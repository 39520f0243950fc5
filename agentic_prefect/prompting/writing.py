"""Writes a template's file: the counterpart of `front_matter`."""

from typing import Any, Final, cast

import yaml

from agentic_prefect.prompting.template import PromptTemplate

_NOT_WRITTEN: Final = frozenset({"source", "origin", "first_line"})


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return cast("Any", dumper).represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def template_text(template: PromptTemplate) -> str:
    """The file of a template, which read again is the same template. Fields that were not set are left out."""
    fields: dict[str, Any] = template.model_dump(mode="json", exclude=set(_NOT_WRITTEN), exclude_unset=True)
    fields = {"id": template.id, "version": template.version, **fields}
    if fields.get("name") == template.id:
        del fields["name"]
    front = yaml.dump(fields, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return f"---\n{front}---\n{template.source}"
