"""What is said to a user, in the window, in messages and on the pages, in a scientist's words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_spatialrecon
from napari_spatialrecon.tissue.slots import MAIN_TYPE, OUTSIDE
from napari_spatialrecon.viewer.canvas.point_values import LABELS

PACKAGE = Path(napari_spatialrecon.__file__).parent
DOCS = PACKAGE.parents[1] / "docs"
BANNED = re.compile(
    r"""
    \b floors? \b | \b pull (s|ed|ing)? \b | \b left \s out \b
    | out_of_domain | main_cell_type
    | \b some \s hundred \b | \b a \s (folder|row) \s a \b
    | \b (shall \s be \s)? laid \s on(to)? \b | \b said \s so \b | \b has \s to \s say \b
    | \b asking \s the \s H&E \b | \b lost \s to \s the \b | \b let \s go \b | \b hear \s nothing
    | \b told \s badly | \b source \s told | \b tells? \s the \s source
    | \b left \s in \s this \s step | little \s can \s be \s said
    | \b (is|are) \s no \s counts | \b taken \s as \s (they \s are|it \s is)
    | \b expected \s genes \s of \s \{ | \b where \s it \s lies \s now
    | colour
    | [\d}] \s % (?! \w)
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Words and phrases that a reader stumbled over; "floor" means two things, "left out" several.

Percentages stand without a space, "24%", as Python writes them.
"""
EXEMPT = {
    ("legacy.py", "floor"): "the key that records of earlier versions have",
    ("tissue/slots.py", "out_of_domain"): "a column's name in files; the window has a label",
    ("tissue/slots.py", "main_cell_type"): "a column's name in files; the window has a label",
    ("viewer/canvas/pie_visual.py", "floor"): "a function of the shader's language",
    ("data-model.md", "out_of_domain"): "a column's name in files",
    ("methods/gears-details.md", "out_of_domain"): "a column's name in files",
}


def strings(source: str) -> Iterator[str]:
    """Yield the strings of a module that can reach a user: all but those that stand alone.

    Of an f-string, each value is a pair of braces.
    """
    tree = ast.parse(source)
    silent: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            silent.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            silent.update(id(part) for part in node.values)
            parts = [p.value if isinstance(p, ast.Constant) else "{}" for p in node.values]
            yield "".join(map(str, parts))
        text = getattr(node, "value", None)
        if isinstance(node, ast.Constant) and isinstance(text, str) and id(node) not in silent:
            yield text


def banned(texts: Iterator[str]) -> Iterator[str]:
    return (match.group().lower() for text in texts for match in BANNED.finditer(text))


def test_no_string_of_the_package_has_a_word_that_readers_stumbled_over() -> None:
    found = {
        (str(path.relative_to(PACKAGE)), word)
        for path in sorted(PACKAGE.rglob("*.py"))
        for word in banned(strings(path.read_text(encoding="utf-8")))
    }
    assert found == {place for place in EXEMPT if place[0].endswith(".py")}
    assert {OUTSIDE, MAIN_TYPE} <= set(LABELS)


def test_no_page_has_one_either() -> None:
    pages = [path for path in sorted(DOCS.rglob("*.md")) if "experiments" not in path.parts]
    found = {
        (str(path.relative_to(DOCS)), word)
        for path in pages
        for word in banned(iter([path.read_text(encoding="utf-8")]))
    }
    assert len(pages) > 10 and found == {place for place in EXEMPT if place[0].endswith(".md")}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('"""A floor."""\nx = "fine"', []),
        ('say("It fell to the floor.")', ["floor"]),
        ('say(f"Expected genes of {name}, found {gene}.")', ["expected genes of {"]),
        ('say(f"{share:.0%} or 5% of {n % 2}")', []),
        ('say(f"{100 * share:.0f} % of 90 %.")', ["} %", "0 %"]),
        ('say(f"{n} genes are left out.", tip="Colours")', ["left out", "colour"]),
        (
            'layer.setToolTip(\n    "Later runs take this slide where it lies "\n    "now")',
            ["where it lies now"],
        ),
    ],
)
def test_the_words_are_found_in_strings_and_not_in_docstrings(
    source: str, words: list[str]
) -> None:
    assert list(banned(strings(source))) == words
