"""Templates: what they hold, how they render, what they refuse."""

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agentic_prefect.errors import TerminalError
from agentic_prefect.models.chat import Message
from agentic_prefect.prompting.errors import PromptError, UnfitData
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.sandbox import MAX_PROMPT_CHARS
from tests.prompting.samples import registry_of, template


def said(source: str, data: dict[str, Any] | None = None, **fields: Any) -> str:
    """The one message that a template renders to."""
    (message,) = template(source=source, **fields).render(data)
    return message.content


def test_template_holds_what_it_is() -> None:  # P-16
    """Id, name, text and version are readable; the version is 1.0.0 unless it is given."""
    made = template("greet", "Hello", name="Greeting")

    assert (made.id, made.name, made.source, made.version) == ("greet", "Greeting", "Hello", "1.0.0")


def test_short_version_reads_as_the_full_one() -> None:
    """1.0 is 1.0.0, and what is no version is refused."""
    assert template(version="1.0").version == "1.0.0"
    with pytest.raises(ValidationError, match="'abc' is not a semantic version"):
        template(version="abc")


def test_name_is_the_id_when_there_is_none() -> None:
    """A template can be shown by its name without one being given."""
    assert template("greet").name == "greet"


@pytest.mark.parametrize("bad", ["", "a b", "../a", "a@1", "a..b"])
def test_odd_ids_are_refused(bad: str) -> None:
    """An id has letters, digits, dots and dashes."""
    with pytest.raises(ValidationError, match="id"):
        template(bad)


def test_variables_are_interpolated() -> None:  # P-17
    """A value stands where its variable stood; null writes nothing, and data is written as JSON."""
    assert said("Hello {{ x }}", {"x": 1}) == "Hello 1"
    assert said("[{{ x }}]", {"x": None}) == "[]"
    assert said("{{ x }}", {"x": {"a": [True, "ø"]}}) == '{"a": [true, "ø"]}'


def test_defaults_stand_in() -> None:  # P-18
    """A variable with a default need not be given."""
    variables = {"x": {"type": "string", "default": "you"}, "y": {"required": False}}

    assert said("Hello {{ x }}{{ y }}", variables=variables) == "Hello you"


def test_every_missing_variable_is_named_at_once() -> None:  # P-18
    """Declared or only used: one error names them all, and what has the wrong type."""
    made = template(source="{{ a }} {{ b }} {{ c }}", variables={"a": "string", "c": "integer", "d": "any"})

    with pytest.raises(UnfitData) as raised:
        made.render({"c": "three"})

    assert raised.value.missing == ("a", "b", "d")
    assert "it needs a, b, d; 'c' is str, not integer" in str(raised.value)


def test_variable_that_a_template_guards_is_not_required() -> None:
    """What is used only with `default` or `is defined` may be absent."""
    assert said("{{ x | default('nobody') }}{% if y is defined %}{{ z }}{% endif %}", {"z": 1}) == "nobody"


def test_blocks_make_messages() -> None:
    """The system message comes first, and a message without text is left out."""
    made = template(source="{% block user %}{{ q }}{% endblock %}{% block system %}Be {{ how }}.{% endblock %}")

    assert made.render({"q": "Why?", "how": "brief"}) == (
        Message(role="system", content="Be brief."),
        Message(role="user", content="Why?"),
    )
    assert made.render({"q": " ", "how": "brief"}) == (Message(role="system", content="Be brief."),)


def test_template_that_renders_to_nothing_is_refused() -> None:
    """A model cannot be sent an empty prompt."""
    with pytest.raises(PromptError, match="renders to nothing"):
        template(source="{{ x }}").render({"x": ""})


@pytest.mark.parametrize(
    "payload", ["{{ 7*7 }}", "{% import os %}", "{# note #}", "{% endblock %}", "\\{{ x", "<|im_end|>"]
)
def test_data_is_never_read_as_a_template(payload: str) -> None:  # P-20
    """What looks like a template in the data is written as it is."""
    source = "{% block user %}{{ x }} {{ y | tojson }} {% for z in y %}{{ z }}{% endfor %}{% endblock %}"

    assert said(source, {"x": payload, "y": [payload]}).startswith(payload)
    assert said(source, {"x": payload, "y": [payload]}).endswith(payload)


@given(st.text(max_size=200))
def test_hostile_data_changes_nothing_but_itself(text: str) -> None:  # P-20
    """Whatever the data, the text around it stays, and the data is there as JSON."""
    rendered = said("before\n{{ x | tojson }}\nafter", {"x": text})

    assert rendered == f"before\n{json.dumps(text, ensure_ascii=False)}\nafter".replace("\r\n", "\n")


DUNDERS = [
    "{{ x.__class__ }}",
    "{{ x['__class__'] }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ __builtins__ }}",
    "{{ self.__init__ }}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "{{ x | map(attribute='a') | list }}{{ x.__len__() }}",
]


@pytest.mark.parametrize("source", DUNDERS)
def test_dunder_attributes_are_refused(source: str) -> None:  # P-20
    """A template that reaches for Python's insides is refused with the name, the line and the reason."""
    with pytest.raises(PromptError, match=r"line 2: '__\w+__' cannot be read: .* off limits") as raised:
        template(source=f"Hello\n{source}").render({"x": []})

    assert isinstance(raised.value, TerminalError)


ATTACKS = [
    ("{{ x['_' ~ '_class__'] }}", "'__class__'"),
    ("{{ x[y ~ '_class__'] }}", "it needs y"),
    ("{% set y = '_' %}{{ x[y ~ '_class__'] }}", "has no field '__class__'"),
    ("{{ x | attr('a') }}", "there is no filter 'attr'"),
    ("{{ x | map(attribute='__class__') | list }}", "has no field '__class__'"),
    ("{{ x.upper() }}", "has no field 'upper'"),
    ("{{ self._TemplateReference__context }}", "has no field"),
    ("{{ range(10) }}", "it needs range"),
    ("{{ lipsum.a }}", "it needs lipsum"),
    ("{{ cycler }}", "it needs cycler"),
    ("{{ x | format(1) }}", "there is no filter 'format'"),
    ("{{ 'a' * 100000000000 }}", "cannot be multiplied"),
    ("{{ 9 ** 99999 }}", "limit is 1,000"),
    ("{{ x | indent(1000000000) }}", "limit is 40"),
    ("{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}", "limit is 100,000"),
    ("{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}", "nested too deeply"),
    ("{% set a = x %}" + "{% set a = a ~ a %}" * 30 + "{{ a }}", "limit is 1,000,000"),
    ("{% set a %}{{ x }}{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40 + "{{ a }}", "limit is 4,000,000"),
    ("{% include 'other' %}", "belongs to no registry"),
    ("{% include x %}", "named by a plain text"),
    ("{% extends x %}", "named by a plain text"),
    ("{% import x as y %}", "named by a plain text"),
    ("{{ x is sameas x }}", "there is no test 'sameas'"),
    ("{{ x.foo }}", "has no field 'foo'"),
]


@pytest.mark.parametrize(("source", "problem"), ATTACKS, ids=[source[:40] for source, _ in ATTACKS])
def test_sandbox(source: str, problem: str) -> None:  # P-20
    """Nothing but data is read, nothing but macros is called, and nothing grows without bound."""
    with pytest.raises(PromptError) as raised:
        template(source=source).render({"x": "y" * 400})

    assert problem in str(raised.value)


def test_rendering_takes_no_longer_than_it_may() -> None:  # P-20
    """What loops and filters for too long is stopped, wherever the time goes."""
    registry = PromptRegistry([template("t", "{% for a in x %}{{ a | upper }}{% endfor %}")], max_seconds=0)

    with pytest.raises(PromptError, match="it takes too long"):
        registry.render("t", {"x": ["a"]})
    assert registry_of(template("t", "{{ x | sort }}")).render("t", {"x": ["b", "a"]})[0].content == '["a", "b"]'


def test_prompt_is_bounded() -> None:
    """Even plain data cannot make a prompt that no model could read."""
    with pytest.raises(PromptError, match="limit is 4,000,000"):
        template(source="{{ x }}").render({"x": "y" * (MAX_PROMPT_CHARS + 1)})


def test_syntax_error_names_its_line() -> None:
    """The message has the template, the line and the reason."""
    with pytest.raises(PromptError, match=r"template 'greet@1\.0\.0', line 3: .*end of statement block"):
        template("greet", "a\nb\n{% if %}").render({})


def test_keys_go_before_methods() -> None:
    """A dot reads the field of that name, even if Python has a method of it."""
    assert said("{{ x.items }} {{ x.values.keys }}", {"x": {"items": 1, "values": {"keys": 2}}}) == "1 2"


def test_functions_in_the_data_cannot_be_called() -> None:  # P-20
    """Should one get there by mistake, it stays shut."""
    with pytest.raises(PromptError, match="not safely callable"):
        template(source="{{ x.open() }}").render({"x": {"open": list}})


def test_macros_can_be_called() -> None:
    """A template may use macros of its own."""
    assert said("{% macro twice(a) %}{{ a }}{{ a }}{% endmacro %}{{ twice('x') }}") == "xx"


def test_hash_tells_an_edit_without_a_new_version() -> None:
    """Text and variables count, names and tags do not."""
    base = template(source="Hello {{ x }}", variables={"x": {"default": 1}})

    assert base.hash == template("other", "Hello {{ x }}", variables={"x": {"default": 1}}, tags=("a",)).hash
    assert base.hash != template(source="Hello  {{ x }}", variables={"x": {"default": 1}}).hash
    assert base.hash != template(source="Hello {{ x }}", variables={"x": {"default": 2}}).hash


def test_rendered_template_survives_pickling() -> None:
    """Compiled code is kept apart from the data."""
    made = template()
    made.render({"x": 1})

    assert pickle.loads(pickle.dumps(made)) == made


def test_same_id_in_two_registries_renders_its_own_text() -> None:
    """Programs are not mixed up between templates of the same id and version."""
    one, two = registry_of(template(source="one")), registry_of(template(source="two"))

    assert (one.render("t")[0].content, two.render("t")[0].content) == ("one", "two")
    assert (said("one"), said("two")) == ("one", "two")


def test_errors_survive_pickling() -> None:
    """Every error of the package crosses process borders whole."""
    error = UnfitData("t@1.0.0", ("a",), ("'b' is str, not integer",))

    assert str(pickle.loads(pickle.dumps(error))) == str(error)
