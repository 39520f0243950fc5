"""`agentic-prefect prompts`: one module per command."""

from typing import Final

from cyclopts import App

COMMANDS: Final = (
    # Name, module and the line for the overview; a command's module is loaded when it is called.
    ("list", "list:list_prompts", "List the prompt templates that there are."),
    ("show", "show:show", "Show a template, or the prompts that a task of an earlier run has sent."),
    ("new", "new:new", "Write a template file to begin with."),
    ("edit", "edit:edit", "Write the next version of a template, in your editor or from a file."),
    ("render", "render:render", "Make a prompt from a template and data. Nothing is sent to a model."),
    ("lint", "lint:lint", "Look templates over and report everything that is wrong, by line."),
    ("test", "test:run_tests", "Run the tests that templates carry. Nothing is sent to a model."),
    ("diff", "diff:diff", "Show what changed from one version of a template to another."),
    ("history", "history:history", "Show what became of a template: its versions and releases, by whom and why."),
    ("rollout", "rollout:rollout", "Try a version of a template on a share of the work, or make it the one in use."),
    ("rollback", "rollback:rollback", "Take back the version that is tried, or go back to the version before."),
    ("stats", "stats:stats", "Show how the versions of a template have done, and what would make it better."),
    ("improve", "improve:improve", "Ask a model for a better version of a template; it is kept as a draft."),
    ("approve", "approve:approve", "Publish a draft for a share of the work, or ask people whether it may be."),
)

app = App(name="prompts", help="See, write, check and try prompt templates.", help_format="plaintext")
for _name, _target, _line in COMMANDS:
    app.command(f"agentic_prefect.cli.prompts.{_target}", name=_name, help=_line)
