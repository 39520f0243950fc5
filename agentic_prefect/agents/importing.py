"""Finds what a plan names as `"package.module:name"`, within the packages that a plan may name."""

import importlib
import inspect
from collections.abc import Sequence
from typing import Any

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.references import SETTING, is_within, refusal


def import_object(reference: str, allowed_packages: Sequence[str]) -> Any:
    """The object that `reference` means.

    Args:
        reference: `"package.module:name"`.
        allowed_packages: Packages whose modules may be named; a package allows everything below it. A function or class
            that such a module only imports counts as part of the package where it was written.

    Raises:
        PlanInvalid: It is not written so, its package is not allowed, or there is no such module or name.
    """
    module_name, colon, name = reference.partition(":")
    if not colon or not name.isidentifier() or not all(part.isidentifier() for part in module_name.split(".")):
        raise PlanInvalid(
            f"{reference!r} names nothing. Write 'package.module:name', such as 'my_team.functions:clean'."
        )
    if why := refusal(reference, allowed_packages):
        raise PlanInvalid(why)
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise PlanInvalid(
            f"{reference!r} cannot be imported: {error}. Install its package where the plan runs."
        ) from error
    except (Exception, SystemExit) as error:  # whatever a module does when it is loaded
        raise PlanInvalid(
            f"{reference!r} cannot be imported: its module raised {type(error).__name__}: {error}. Mend the module, or "
            f"set what it needs where the plan runs."
        ) from error
    if name.startswith("_") or not hasattr(module, name):
        public = [each for each in dir(module) if not each.startswith("_")]
        raise PlanInvalid(f"Module {module_name!r} has no public {name!r}. {did_you_mean(name, public)}".strip())
    found = getattr(module, name)
    home = found.__module__ if inspect.isclass(found) or inspect.isroutine(found) else module_name
    if not is_within(home or "builtins", allowed_packages):
        raise PlanInvalid(
            f"A plan may not name {reference!r}: it comes from {home!r}, and allowed packages are "
            f"{listing(list(allowed_packages))}. Call it from a function of yours, or allow its package with the "
            f"setting {SETTING}."
        )
    return found


def import_class(reference: str, allowed_packages: Sequence[str]) -> type:
    """The class that `reference` means.

    Raises:
        PlanInvalid: As for `import_object`, or it is no class.
    """
    found = import_object(reference, allowed_packages)
    if not isinstance(found, type):
        raise PlanInvalid(
            f"{reference!r} is {type(found).__name__!r} and no class. Name a pydantic model or a dataclass."
        )
    return found
