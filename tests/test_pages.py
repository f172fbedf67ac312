"""The commands and the Python that pages show."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.cli import _parser

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])


def blocks(page: Path, kind: str) -> list[str]:
    """Return the fenced blocks of a page: those without a language are commands."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```", page.read_text(), re.M | re.S)
    return [text for _, language, text in found if language == kind]


def commands(page: Path) -> list[str]:
    lines = "\n".join(blocks(page, "")).replace("\\\n", " ").splitlines()
    lines = [line.strip() for line in lines if re.match(r"\s*spatialrecon +[a-z-]+ +-", line)]
    return [line for line in lines if "..." not in line and "…" not in line]


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: p.stem)
def test_commands_that_a_page_shows_have_options_that_exist(page: Path) -> None:
    for command in commands(page):
        try:
            _parser().parse_args(shlex.split(command, comments=True)[1:])
        except SystemExit:
            pytest.fail(f"refused: {command}")


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.stem)
def test_python_that_a_page_shows_calls_what_exists(page: Path) -> None:
    for text in blocks(page, "python"):
        for node in ast.walk(ast.parse(text)):
            of_package = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            if of_package and node.value.id == "sr":
                assert hasattr(sr, node.attr), f"sr.{node.attr}"


def test_links_of_pages_outside_docs_lead_somewhere() -> None:
    lost = [
        f"{page.name}: {target}"
        for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "experiments/README.md")
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not lost


def outside_code(page: Path) -> list[list[str]]:
    """Return the blocks of a page, each as its lines, without what is fenced as code."""
    text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.M | re.S)
    return [block.splitlines() for block in re.split(r"\n(?:[ \t]*\n)+|<!--.*?-->\n", text)]


ITEM = re.compile(r" *(?:[-*]|\d+\.) ")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda p: p.stem)
def test_tables_lists_and_percentages_are_written_so_that_the_site_shows_them(page: Path) -> None:
    for lines in outside_code(page):
        if any(line.startswith("|") for line in lines):
            assert lines[0].startswith("|"), f"a table that follows a text at once: {lines[0]}"
            assert re.fullmatch(r"[|:\- ]+", lines[1]), f"a row without its table: {lines[0]}"
            after = [line for line in lines if line and not line.startswith("|")]
            assert not after, f"a text that follows a table at once: {after[0]}"
        if any(ITEM.match(line) for line in lines):
            assert ITEM.match(lines[0]), f"a list that follows a text at once: {lines[0]}"
            later = [line for line in lines if line.startswith(("**", "#"))]
            assert not later, f"a heading in a list: {later}"
        spaced = [line for line in lines if re.search(r"\d %(?=[\s,.;:)|/]|$)", line)]
        assert not spaced, f"write 24%, not 24 %: {spaced}"


def test_the_command_line_page_names_every_verb() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    assert [v for v in sr_verbs() if f"spatialrecon {v}" not in text] == []


def sr_verbs() -> list[str]:
    action = next(a for a in _parser()._actions if getattr(a, "choices", None))
    return list(action.choices)
