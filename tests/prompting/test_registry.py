"""Templates by id and version, inheritance between them, and folders of them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentic_prefect.errors import TerminalError
from agentic_prefect.models.chat import Message
from agentic_prefect.prompting.errors import PromptError, UnknownTemplate
from agentic_prefect.prompting.registry import PromptRegistry, default_registry
from agentic_prefect.prompting.sources import shipped_folder
from tests.prompting.samples import registry_of, template

BASE = template(
    "base",
    "{% block system %}Work{% block field %}{% endblock %}.{% endblock %}{% block user %}{{ text }}{% endblock %}",
    variables={"text": "string", "tone": {"default": "plain"}},
)


def versions_of(template_id: str, *versions: str) -> PromptRegistry:
    """A registry in which each version says what it is."""
    return registry_of(*(template(template_id, f"this is {version}", version=version) for version in versions))


def test_each_version_renders_its_own_text() -> None:  # P-02
    """Two versions of one id live side by side."""
    registry = versions_of("a", "1.0.0", "1.1.0")

    assert registry.render("a@1.0.0")[0].content == "this is 1.0.0"
    assert registry.render("a@1.1.0")[0].content == "this is 1.1.0"
    assert registry.render("a")[0].content == "this is 1.1.0"


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("a", "1.10.0"),
        ("a@^1.9", "1.10.0"),
        ("a@1.9.0", "1.9.0"),
        ("a@1.9", "1.9.0"),
        ("a@~1.9", "1.9.1"),
        ("a@<1.9", "1.8.0"),
    ],
)
def test_versions_compare_as_numbers(reference: str, version: str) -> None:  # P-23
    """1.10 is later than 1.9; a range gives the latest in it."""
    assert versions_of("a", "1.10.0", "1.8.0", "1.9.1", "1.9.0").get(reference).version == version


def test_pre_release_is_the_latest_only_when_alone() -> None:
    """A draft is not picked up by chance."""
    assert versions_of("a", "1.0.0", "2.0.0-draft").get("a").version == "1.0.0"
    assert versions_of("a", "1.0.0", "2.0.0-draft").get("a@2.0.0-draft").version == "2.0.0-draft"
    assert versions_of("a", "2.0.0-draft").get("a").version == "2.0.0-draft"


def test_unknown_id_names_near_ones() -> None:  # P-21
    """The miss says what was asked for, what is near and what there is."""
    with pytest.raises(UnknownTemplate) as raised:
        registry_of(template("summary"), template("other")).get("sumary")

    assert "'sumary'. Did you mean 'summary'? Known templates: other, summary." in str(raised.value)
    assert isinstance(raised.value, TerminalError)


def test_unknown_version_names_those_that_there_are() -> None:
    """The versions are listed in order."""
    with pytest.raises(UnknownTemplate, match=r"'a' has no version '\^2'. It has: 1\.9\.0, 1\.10\.0"):
        versions_of("a", "1.10.0", "1.9.0").get("a@^2")


def test_find_by_task_type() -> None:  # P-21
    """The latest version of each template for that work."""
    registry = registry_of(
        template("a", version="1.0.0", task_type="summary"),
        template("a", "newer", version="1.1.0", task_type="summary"),
        template("b", task_type="review"),
    )

    assert [found.reference for found in registry.find_by_task_type("summary")] == ["a@1.1.0"]
    assert registry.find_by_task_type("nothing") == ()


def test_default_stands_in_for_an_unknown_kind_of_work() -> None:  # P-25
    """A kind of work that no template is for is done with the default one."""
    registry = registry_of(template("plain"), template("b", task_type="review"), template("a", task_type="review"))

    assert registry.for_task_type("review", default="plain").id == "a"
    assert registry.for_task_type("poetry", default="plain").id == "plain"
    with pytest.raises(UnknownTemplate):
        registry.for_task_type("poetry", default="nothing")


def test_nearest_source_has_the_template_for_a_kind_of_work() -> None:
    """What a project has for it goes before what the package has, whatever it is called."""
    registry = registry_of(template("project", task_type="review"))
    registry.register(template("a", task_type="review"), precedence=0)

    assert registry.for_task_type("review", default="a").id == "project"


def test_registration_is_kept() -> None:  # P-56
    """Who registered a version, when and why; what is not said is what the template says itself."""
    times = iter([datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)])
    registry = PromptRegistry(clock=lambda: next(times))
    registry.register(template("a", "x", version="1.10.0", author="Bo", notes="Shorter."))
    registry.register(template("a", "y", version="1.9.0"), author="Ada", note="As it was.")

    assert [(each.template.version, each.at.day, each.author, each.note) for each in registry.registrations("a")] == [
        ("1.9.0", 2, "Ada", "As it was."),
        ("1.10.0", 1, "Bo", "Shorter."),
    ]
    assert registry.registrations("b") == ()


def test_environment_picks_its_variant() -> None:  # P-50
    """A variant goes before what is meant for all, also a later version of it; the variants of others are not seen."""
    several = (
        template("a", "for all", version="1.1.0"),
        template("a", "for dev", environment="dev"),
        template("a", "for prod", environment="prod"),
        template("only", "staging", environment="staging"),
    )

    texts = {name: PromptRegistry(several, environment=name).render("a")[0].content for name in ("", "dev", "prod")}

    assert texts == {"": "for all", "dev": "for dev", "prod": "for prod"}
    assert PromptRegistry(several, environment="dev").versions("a") == ("1.0.0", "1.1.0")
    assert PromptRegistry(several, environment="dev").search(id="only") == ()


def test_variant_of_the_package_does_not_displace_a_projects_template() -> None:
    """The source decides before the environment does."""
    registry = PromptRegistry([template("a", "the project's")], environment="dev")
    registry.register(template("a", "the package's", environment="dev"), precedence=0)

    assert registry.render("a")[0].content == "the project's"


def test_search() -> None:  # P-22
    """Text is found in all that a template says of itself; the other conditions narrow it down."""
    registry = registry_of(
        template("short", name="Summariser", tags=("brief",)),
        template("long", description="Summarises at length", domain="finance"),
        template("other", task_type="review", tags=("brief",)),
    )

    assert [found.id for found in registry.search("summar")] == ["long", "short"]
    assert [found.id for found in registry.search(tag="brief")] == ["other", "short"]
    assert [found.id for found in registry.search("summar", domain="finance")] == ["long"]
    assert [found.id for found in registry.search(task_type="review")] == ["other"]
    assert [found.id for found in registry.search(id="*o*")] == ["long", "other", "short"]
    assert [found.id for found in registry.search(id="o*")] == ["other"]
    assert [found.id for found in registry.search("HELLO {{")] == ["long", "other", "short"]
    assert len(registry.search()) == 3


def test_registries_do_not_see_each_other() -> None:  # P-24
    """What one holds is unknown to the next."""
    registry_of(template("mine"))

    with pytest.raises(UnknownTemplate):
        registry_of(template("yours")).get("mine")


def test_changed_text_needs_a_new_version() -> None:
    """The same text again is no conflict, another one is."""
    registry = registry_of(template(source="one"))
    registry.register(template(source="one"))

    with pytest.raises(PromptError, match=r"'t@1\.0\.0' is there already, with another text.*raise `version`"):
        registry.register(template(source="two"))


def test_new_version_takes_effect_at_once() -> None:
    """What was looked up and compiled before does not stay."""
    registry = registry_of(BASE, template("kid", "{% extends 'base' %}{% block field %} well{% endblock %}"))
    before = registry.render("kid", {"text": "x"})[0].content
    registry.register(template("base", BASE.source.replace("Work", "Toil"), version="1.1.0"))

    assert (before, registry.render("kid", {"text": "x"})[0].content) == ("Work well.", "Toil well.")


def test_child_overrides_a_block_and_inherits_the_rest() -> None:
    """Blocks within blocks can be overridden, and `super()` is what they said before."""
    registry = registry_of(
        BASE,
        template("kid", "{% extends 'base@^1.0' %}\n{% block field %} in {{ tone }} tone{% endblock %}\n"),
        template("grandkid", "{% extends 'kid' %}{% block field %}{{ super() }}, briefly{% endblock %}"),
    )

    assert registry.render("grandkid", {"text": "Why?"}) == (
        Message(role="system", content="Work in plain tone, briefly."),
        Message(role="user", content="Why?"),
    )


def test_hash_covers_what_a_template_uses() -> None:
    """A change in a parent or in a part shows in the hash of the child."""
    kid = template("kid", "{% extends 'base' %}{% block field %}{% include 'part' %}{% endblock %}")

    def hash_with(in_base: str, in_part: str) -> str:
        base = template("base", BASE.source + in_base, variables={"text": "string"})
        registry = registry_of(base, template("part", f"p{in_part}"), kid)
        return registry.program(registry.get("kid")).hash

    assert len({hash_with("", ""), hash_with("\n", ""), hash_with("", "!")}) == 3
    assert hash_with("", "") == hash_with("", "")


def test_included_part_shares_the_data() -> None:
    """Its variables are required of the whole."""
    registry = registry_of(template("whole", "{% include 'part' %}!"), template("part", "Dear {{ who }}"))

    assert registry.render("whole", {"who": "Ada"})[0].content == "Dear Ada!"
    with pytest.raises(PromptError, match="it needs who"):
        registry.render("whole")


def test_macros_can_be_imported() -> None:
    """A template of macros serves others."""
    registry = registry_of(
        template("marks", "{% macro star(a) %}*{{ a }}*{% endmacro %}"),
        template("use", "{% from 'marks' import star %}{{ star('x') }}"),
    )

    assert registry.render("use")[0].content == "*x*"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{% extends 'nothing' %}", "no prompt template 'nothing'"),
        ("{% extends 'kid' %}", "extends itself: kid@1.0.0 -> kid@1.0.0"),
        ("{% extends 'base' %}\nlost", "line 2: in a template that extends another everything stands inside of blocks"),
        ("lost{% block user %}x{% endblock %}", "in a template with messages"),
        ("{% include 'kid' %}", "it uses itself"),
        ("{% extends 'bad' %}", "template 'bad@1.0.0', line 2"),
    ],
)
def test_families_that_cannot_be(source: str, problem: str) -> None:
    """The message names the template that is at fault."""
    registry = registry_of(BASE, template("kid", source), template("bad", "\n{% if %}"))

    with pytest.raises(PromptError) as raised:
        registry.render("kid", {"text": "x"})

    assert problem in str(raised.value)


def write(folder: Path, name: str, template_id: str, text: str, version: str = "1.0.0") -> None:
    """A template file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"---\nid: {template_id}\nversion: {version}\n---\n{text}\n")


def test_folder_is_loaded_with_what_is_below_it(tmp_path: Path) -> None:
    """Every `.j2` file is a template, other files are not."""
    write(tmp_path, "a.md.j2", "a", "A")
    write(tmp_path, "deep/b.j2", "b", "B")
    (tmp_path / "README.md").write_text("notes")
    registry = PromptRegistry()

    assert [loaded.id for loaded in registry.load(tmp_path)] == ["a", "b"]
    assert registry.get("b").origin == str(tmp_path / "deep" / "b.j2")


def test_project_goes_before_the_package(tmp_path: Path) -> None:
    """A template of the project hides the package's, even a later version of it; each is still there by its version."""
    low, high = tmp_path / "low", tmp_path / "high"
    write(low, "a.j2", "a", "low", "2.0.0")
    write(low, "b.j2", "b", "low")
    write(high, "a.j2", "a", "high", "1.0.0")
    write(high, "b.j2", "b", "high")
    registry = default_registry([low, high])

    assert [registry.render(name)[0].content for name in ("a", "a@2.0.0", "b")] == ["high", "low", "high"]
    assert registry.versions("a") == ("1.0.0", "2.0.0")


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    """The message names the folder and the setting."""
    with pytest.raises(PromptError, match=r"nowhere.*setting `prompts`"):
        default_registry([tmp_path / "nowhere"])


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    """The message names the file and what is wrong with it."""
    (tmp_path / "a.j2").write_bytes(b"---\nid: a\n---\n\xff")

    with pytest.raises(PromptError, match=r"a\.j2 cannot be read: byte 14 is not UTF-8"):
        PromptRegistry().load(tmp_path)


def test_every_shipped_template_compiles() -> None:
    """What comes with the package has a version and an id of its own, and no fault."""
    registry = default_registry()

    assert shipped_folder().is_dir()
    assert "agent.default" in [each.id for each in registry]
    assert all(registry.program(each).hash for each in registry)
