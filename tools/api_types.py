"""Types, defaults and order of parameters in the Python reference, as they are.

griffe gives all names that a docstring describes together the type and default of the first, and
shows a default that has a name by that name; `mkdocs.yml` names this extension of it.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from griffe import Attribute, Class, DocstringSectionParameters, Extension, Function, Module

#: How a dataclass states a field, whose default may be left out.
FIELD = re.compile(
    r"field\((?:default_factory=(?P<factory>[\w.]+)|default=(?P<value>.+?))?"
    r"(?:(?:, )?(?!default)\w+=\w+)*\)"
)


class OwnTypes(Extension):
    """Take types and defaults from the signature, where the docstring states none."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Mend all functions and classes of a package."""
        self.mend(pkg)

    def mend(self, item: Module | Class) -> None:
        """Mend what a module or a class holds."""
        for member in item.members.values():
            if member.is_alias:
                continue
            if isinstance(member, Module | Class):
                self.mend(member)
            if isinstance(member, Class | Function) and member.docstring is not None:
                mend_parameters(member)


def mend_parameters(item: Class | Function) -> None:
    """Give each documented parameter its own type and default, and the order of the signature.

    A docstring that completes another states its own parameters first.
    """
    own = {one.name: (one.annotation, one.default) for one in item.parameters} or fields(item)
    for parameter in item.parameters:
        parameter.default = value_of(parameter.default, item.module.path)
    given = [annotation for annotation, _ in own.values()]
    for section in item.docstring.parsed if item.docstring else ():
        if not isinstance(section, DocstringSectionParameters):
            continue
        for said in section.value:
            if said.name not in own:
                continue
            annotation, default = own[said.name]
            if said.annotation is None or any(said.annotation is one for one in given):
                said.annotation = annotation
            said.value = value_of(default, item.module.path)
        order = {name: place for place, name in enumerate(own)} if item.is_function else {}
        section.value.sort(key=lambda said: order.get(said.name.lstrip("*"), len(order)))


def fields(item: Class | Function) -> dict[str, tuple[Any, Any]]:
    """Return types and defaults of a dataclass's fields: griffe adds its parameters later."""
    members = item.all_members.values() if isinstance(item, Class) else ()  # and those inherited
    own = [one.final_target if one.is_alias else one for one in members]
    return {
        one.name: (one.annotation, one.value)
        for one in own
        if isinstance(one, Attribute) and one.annotation is not None
    }


def value_of(default: Any, module: str) -> Any:
    """Return what a default is that a module names, such as ``SEEDS``; any other as it is."""
    words = str(default)
    if held := FIELD.fullmatch(words):
        return f"{held['factory']}()" if held["factory"] else held["value"]
    if not words.isupper() and not words.startswith("default_for("):
        return default
    value = repr(eval(words, vars(import_module(module))))
    return value if len(value) < 40 else default
