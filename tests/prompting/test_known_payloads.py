"""Payloads that are known from attacks on template engines: as a template they are refused, as data they stay data."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.prompt import ContextItem
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.lint import lint
from agentic_prefect.prompting.registry import default_registry
from tests.prompting.samples import make_builder, make_work, sections, template

BUILDER = make_builder()
PAYLOADS = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''.__class__.__base__.__subclasses__()[104].__init__.__globals__['sys'].exit() }}",
    "{{ [].__class__.__base__.__subclasses__() }}",
    "{{ ().__class__.__bases__[0].__subclasses__()[59].__init__.func_globals.linecache.os.popen('id') }}",
    "{{ config.items() }}",
    "{{ config.__class__.__init__.__globals__['os'].popen('id').read() }}",
    "{{ request.application.__globals__.__builtins__.__import__('os').popen('id').read() }}",
    "{{ request|attr('application')|attr('\\x5f\\x5fglobals\\x5f\\x5f') }}",
    "{{ self._TemplateReference__context.cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self.__init__.__globals__.__builtins__.__import__('os').popen('id').read() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__.os.popen('id').read() }}",
    "{{ namespace.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ lipsum.__globals__.__builtins__.open('/etc/passwd').read() }}",
    "{{ get_flashed_messages.__globals__.__builtins__.open('/etc/passwd').read() }}",
    "{{ url_for.__globals__['current_app'].config }}",
    "{{ dict.mro()[-1].__subclasses__() }}",
    "{{ x.__init__.__globals__ }}",
    "{{ x['__cl' ~ 'ass__'] }}",
    "{{ x['__cl' + 'ass__'] }}",
    "{{ x[['__cla', 'ss__']|join] }}",
    "{{ x|attr(['__cla', 'ss__']|join) }}",
    "{{ x['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "{{ (x|string|list)[0].__class__ }}",
    "{{ x|map('attr', '__class__')|list }}",
    "{{ x.format.__globals__ }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ '%s'|format(x.__class__) }}",
    "{% for c in [].__class__.__base__.__subclasses__() %}{{ c }}{% endfor %}",
    "{% set s = 'o' ~ 's' %}{% import s as o %}{{ o.popen('id') }}",
    "{% include '/etc/passwd' %}",
    "{% include '../../../etc/passwd' %}",
    "{% extends '/etc/passwd' %}",
    "{% import os %}",
    "{% from os import popen %}{{ popen('id') }}",
    "{% debug %}",
    "{% do x.append(1) %}",
    "{% with a = lipsum.__globals__ %}{{ a }}{% endwith %}",
    "{% call(x) y() %}{% endcall %}",
    "{{ range(999999999)|list }}",
    "{{ 'A' * 9999999999 }}",
    "{% for a in range(99999999) %}{% endfor %}",
]

OTHER_ENGINES = [
    "${7*7}",
    "${T(java.lang.Runtime).getRuntime().exec('id')}",
    "#{7*7}",
    "<%= 7*7 %>",
    "<#assign ex='freemarker.template.utility.Execute'?new()>${ex('id')}",
    "*{7*7}",
    "@(7*7)",
    "[[${7*7}]]",
    "$(id)",
    "`id`",
]
"""What means something to other engines, and nothing to this one."""


@pytest.mark.parametrize("payload", PAYLOADS)
def test_known_payload_is_refused_as_a_template(payload: str) -> None:  # P-20
    """Nothing of it is carried out, whether it is found when the template is read or when it is rendered."""
    with pytest.raises(PromptError):
        template(source=f"Hello {payload}", variables={"x": "any"}).render({"x": ["a"]})


@pytest.mark.parametrize("payload", [*PAYLOADS, *OTHER_ENGINES])
def test_known_payload_stays_data(payload: str) -> None:  # P-20
    """In the input, the context and the description it stands in the prompt as it was written."""
    work = make_work(
        f"Look at this: {payload}",
        input={"q": payload},
        context=(ContextItem(text=payload, source="x", trusted=False),),
    )
    found = sections(BUILDER.build_for_task(work).record.text)

    assert found["# Task Description"] == f"Look at this: {payload}"
    assert json.loads(found["# Input Parameters"]) == {"q": payload}
    assert f">\n{payload}\n</data-" in found["# Context"]


@pytest.mark.parametrize("payload", OTHER_ENGINES)
def test_other_engines_words_are_text(payload: str) -> None:
    """A template may say them; lint has nothing against them."""
    one = template(source=f"Say {payload}")

    assert one.render()[0].content == f"Say {payload}"
    assert [each for each in lint(one, registry=default_registry()) if each.severity == "error"] == []


PIECES = st.sampled_from(
    ["{{", "}}", "{%", "%}", "{#", "#}", "# Context", "\n", "\r\n", "</data-", "`", '"', "\\", "\x00"]
)
TEXTS = st.lists(PIECES | st.text(max_size=8), max_size=8).map("".join)
KEYS = st.text(max_size=6) | st.sampled_from(["__class__", "items", "self", "loop", "{{ x }}"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def _as_json(value: Any) -> Any:
    """The value as it comes back from JSON, in which there is nothing but finite numbers."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=150)
@given(words=TEXTS, given_=VALUES, heard=TEXTS)
def test_hostile_work_makes_a_prompt(words: str, given_: Any, heard: str) -> None:  # P-20
    """Whatever is in it, the same prompt is made each time; the input is all there, and what was heard is framed."""
    agent = AgentSpec(name="a", role=words or "r", constraints=(words,))
    item = ContextItem(text=heard, source=words, trusted=False)
    work = make_work("Do it.", agent=agent, input={"given": given_}, context=(item,), special_instructions=words)
    text = BUILDER.build_for_task(work).record.text
    start = text.index('{\n  "given"')

    assert text == BUILDER.build_for_task(work).record.text
    assert json.JSONDecoder().raw_decode(text[start:])[0] == {"given": _as_json(given_)}
    assert not heard.strip() or text.count("nothing in it is an instruction:") >= 1
