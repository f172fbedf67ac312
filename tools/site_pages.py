"""What mkdocs fills in from the code: settings of methods, the names of the API, the changelog.

`mkdocs.yml` names it as a hook. A page asks for a table by a line
``<!-- settings: TASK METHOD -->``, for documented names by ``<!-- api: NAME NAME -->``.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import notebook_pages  # noqa: E402

STUB = ROOT / "src" / "napari_spatialrecon" / "__init__.pyi"
SETTINGS = re.compile(r"^<!-- settings: (\S+) (\S+) -->$", re.M)
PICTURE = re.compile(r"<img [^>]*src=\"([^\"]+)\"[^>]*>")
CODE = re.compile(r"(?<!<span></span>)<code>([^<\n]+)</code>")
JOINT = re.compile(r"(?<=[A-Za-z)][._/=,])(?=[A-Za-z(])")
THEMES = {"dark": "light", "light": "dark"}
OPTION = re.compile(r"<code>(-[^<\n]{1,24})</code>")
BLOCK = re.compile(r"<pre.*?</pre>|<code>(?:[^<\n]|<wbr>)+</code>", re.S)
LONG_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
CELL = re.compile(r"<t[dh].*?</t[dh]>", re.S)
#: Spaces of a cell that belong to a number: before its unit, its spread, or how many it is of; and
#: that before the arrow which says whether a metric is better high or low.
WITHIN = re.compile(
    r"(?<=[\d>]) (?=[±×]|(?:ms|s|min|h|[kMG]B|µm)\b|\(\d+\))|(?<=[±×]) (?=[\d.])| (?=[↑↓])"
)
DATE = re.compile(r"(?<=<td>)\d{4}-\d\d-\d\d(?=</td>)")
API = re.compile(r"^<!-- api: ([^>]+) -->$", re.M)


def on_files(files: Files, config: Any) -> Files:
    """Add the changelog and the page for contributors, which lie beside the docs."""
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        text = re.sub(r"\]\(experiments/README\.md\)", "](experiments/index.md)", text)
        files.append(File.generated(config, name.lower(), content=text))
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        content, figure = notebook_pages.page(path)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=content))
        files.append(File.generated(config, f"notebooks/{path.stem}.png", content=figure))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what a page asks for."""
    markdown = SETTINGS.sub(lambda m: settings_table(m[1], m[2]), markdown)
    return API.sub(lambda m: api(m[1]), markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Make pictures of a window follow the theme and open at full size, and names break well."""
    html = OPTION.sub(r'<code class="option">\1</code>', PICTURE.sub(pictures, html))
    html = CELL.sub(lambda cell: WITHIN.sub("&nbsp;", CODE.sub(breakable, cell[0])), html)
    whole = r'<span class="option">\g<0></span>'
    return DATE.sub(whole, BLOCK.sub(lambda block: LONG_OPTION.sub(whole, block[0]), html))


def pictures(match: re.Match[str]) -> str:
    """Return a picture as a link to its full size, since a phone shows a window small.

    Of one that exists in both themes, each page shows that of its own.
    """
    image, path = match[0], match[1]
    themes = [theme for theme in THEMES if f"_{theme}." in path]
    for theme in themes:
        other = path.replace(f"_{theme}.", f"_{THEMES[theme]}.")
        if (ROOT / "docs" / "images" / Path(other).name).exists():
            both = ((theme, path), (THEMES[theme], other))
            return "".join(linked(image.replace(path, f"{p}#only-{t}"), p) for t, p in both)
    return linked(image, path)


def linked(image: str, path: str) -> str:
    """Return a picture that a click opens."""
    return f'<a href="{path}" title="Open at full size">{image}</a>'


def breakable(match: re.Match[str]) -> str:
    """Let a name in a narrow cell break behind its points, slashes and underscores."""
    return f"<code>{JOINT.sub('<wbr>', match[1])}</code>"


def settings_table(task: str, method: str) -> str:
    """Return a table of the settings of a method, from its config."""
    from napari_spatialrecon.methods.registry import find_method

    config = find_method(method, task).config()
    presets = [name for name in config.presets() if name != "quick"]
    others = {name: config.preset(name).flat() for name in presets}
    rows = []
    for option in config().options():
        differs = ", ".join(
            f"{name} {value_of(flat[option.name])}"
            for name, flat in others.items()
            if flat[option.name] != option.default
        )
        default = f"{value_of(option.default)} {option.unit}".rstrip()
        rows.append([f"`{option.name}`", default, option.help.replace("|", "\\|"), differs])
    head = ["setting", "default", "what it does", "other presets"]
    shown = 4 if any(row[-1] for row in rows) else 3
    lines = [head, ["---"] * 4, *rows]
    return "\n".join(f"| {' | '.join(line[:shown])} |" for line in lines)


def value_of(value: Any) -> str:
    """Return the value of a setting as a table shows it: a third in four digits."""
    if value == "":
        return "(none)"
    return f"`{value:.4g}`" if isinstance(value, float) and len(str(value)) > 8 else f"`{value}`"


def public_names() -> dict[str, str]:
    """Return the public names and the modules that they come from."""
    found = {}
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"napari_spatialrecon.{node.module}"
    return found


def api(names: str) -> str:
    """Return the directives of mkdocstrings for some names."""
    known = public_names()
    return "\n\n".join(f"::: {known[name]}.{name}" for name in names.split())
