"""Check that every public name is documented: part of `make lint`.

A public name is one that ``__init__.pyi`` lists. What is asked of its numpy docstring:

- a summary of one sentence; every parameter, and of a dataclass every field, under its name;
- for an array, its shape: ``(n_cells, 2)``; for a distance, length or place its unit;
- ``Returns`` where something is returned, a type with its text indented below; ``Raises`` where
  the body raises;
- ``Examples``, which `make test` runs unless they are skipped (``+SKIP``), but for exceptions, and
  for results, which the function that returns them shows;
- for what a paper describes, which paper and where.
"""

from __future__ import annotations

import ast
import dataclasses
import doctest
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STUB = Path(__file__).parents[1] / "src" / "napari_spatialrecon" / "__init__.pyi"
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.M)
ARRAY = re.compile(r"ndarray|NDArray|\bArray\b")
SHAPE = re.compile(r"\([a-z_0-9]+(?:, ?(?:[a-z_0-9]+)?)*\)")
LENGTH = re.compile(r"\b(distance|radius|spacing|pitch|diameter|coordinates|positions?|places)\b")
UNIT = re.compile(r"µm|[Mm]icromet|\bunit|pixel|\bpx\b|frame")
PROSE = re.compile(r"^\S.*(?<![\w\]])$(?!\n[ \t])", re.M)
PAPER = re.compile(r"GEARS|COME|dp-VAE|SpaDiT|SRast|SpaOTsc")
WHERE = re.compile(r"figure|eq\.|section|supplement|paper", re.I)
#: Names that need no example of their own, and why.
SHOWN_BY = {
    "AlignResult": "align_by_landmarks",
    "Comparison": "compare",
    "EncoderResult": "train_encoder",
    "GeneResult": "impute_genes",
    "Histology": "histology",
    "LandmarkResult": "move_by_landmarks",
    "MixtureResult": "deconvolve",
    "PlaceResult": "place",
    "Preflight": "preflight",
    "SuperResult": "super_resolve",
    "Transfer": "transfer",
    "Validation": "validate",
    "ValueComparison": "compare_values",
}


def public_names() -> dict[str, str]:
    """Return the public names and the modules that they come from."""
    found = {}
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"napari_spatialrecon.{node.module}"
    return found


def sections(text: str) -> dict[str, str]:
    """Return the sections of a numpy docstring by their headings; the summary has none.

    Examples
    --------
    >>> sections("Do it." + chr(10) * 2 + "Raises" + chr(10) + "------" + chr(10) + "E")["Raises"]
    'E'
    """
    parts = SECTION.split(text)
    return {"": parts[0].strip()} | {
        heading: body.strip() for heading, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def described(section: str) -> dict[str, str]:
    """Return what a section says of each name; names share a text with commas between them."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line[0].isspace():
            head = line.partition(" : ")[0]
            names = [name.strip(" *`") for name in head.split(",")]
            found |= {name: line.partition(" : ")[2] for name in names}
        else:
            found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
    return found


def problems(name: str, thing: Any) -> Iterator[str]:
    """Yield what the docstring of a name lacks."""
    text = inspect.getdoc(thing) or ""
    own = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    if not text or not own:
        yield "has no docstring"
        return
    parts = sections(text)
    summary = parts[""].split("\n\n")[0]
    if not summary.endswith((".", ":")):
        yield "its summary is no sentence"
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return
    said = described(parts.get("Parameters", "")) | described(parts.get("Attributes", ""))
    for parameter, annotation in parameters(thing):
        if parameter not in said:
            yield f"says nothing about {parameter!r}"
            continue
        words = said[parameter]
        if ARRAY.search(annotation) and not SHAPE.search(words):
            yield f"states no shape of the array {parameter!r}"
        if LENGTH.search(words) and not UNIT.search(words) and "float" in annotation:
            yield f"states no unit of {parameter!r}"
    for parameter in said:
        known = [p for p, _ in parameters(thing)] + [*dir(thing)]
        if parameter not in known:
            yield f"describes {parameter!r}, which it does not have"
    if inspect.isfunction(thing):
        returned = str(inspect.signature(thing).return_annotation)
        if returned != "None" and "Returns" not in parts and not summary.startswith("Return"):
            yield "does not say what it returns"
        if PROSE.search(parts.get("Returns", "")):
            yield "has text under Returns that is not indented below a type"
        if re.search(r"\braise \w*Error|Stopped", source(thing)) and "Raises" not in parts:
            yield "does not say what it raises"
    yield from example_problems(name, parts, text)
    if PAPER.search(summary) and not WHERE.search(text):
        yield "names a paper and not where in it"


def example_problems(name: str, parts: dict[str, str], text: str) -> Iterator[str]:
    """Yield what is wrong with the example of a name."""
    if name in SHOWN_BY:
        return
    if "Examples" not in parts:
        yield "has no example"
    elif not doctest.DocTestParser().get_examples(text):
        yield "has an example without >>>"


def parameters(thing: Any) -> list[tuple[str, str]]:
    """Return the parameters of a function, or the fields of a dataclass, with their types."""
    if dataclasses.is_dataclass(thing) and inspect.isclass(thing):
        fields = [f for f in dataclasses.fields(thing) if f.init and not f.name.startswith("_")]
        return [(field.name, str(field.type)) for field in fields]
    if inspect.isclass(thing):
        return []
    given = inspect.signature(thing).parameters.values()
    return [(p.name, str(p.annotation)) for p in given if p.name not in ("self", "cls")]


def source(function: Any) -> str:
    """Return the code of a function, below its decorators."""
    try:
        return inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError):
        return ""


def main() -> int:
    """Print what is missing, and return how much it is."""
    found = [
        f"{name}: {problem}"
        for name, module in public_names().items()
        for problem in problems(name, getattr(importlib.import_module(module), name))
    ]
    print("\n".join(found) or f"{len(public_names())} public names are documented")
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main())
