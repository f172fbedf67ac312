"""Notebooks as pages of the site: run as they stand, with what they print and their figure."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import warnings
from pathlib import Path
from typing import Any


def page(path: Path) -> tuple[str, bytes]:
    """Return the page of a notebook in Markdown, and the figure that it ends in as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    names: dict[str, Any] = {}
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        if said := run(source, names):
            parts.append(f"```text\n{said}\n```")
    figure = io.BytesIO()
    names["figure"].savefig(figure, format="png", dpi=110, bbox_inches="tight")
    parts.append(f"![The figure that the notebook ends in]({path.stem}.png)")
    parts.append(f"[The notebook]({path.name}), to be opened in Jupyter.")
    return "\n\n".join(parts), figure.getvalue()


def run(source: str, names: dict[str, Any]) -> str:
    """Run a cell, and return what it printed and the value of its last line."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(tree, "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
            if value is not None:
                print(value)
    return printed.getvalue().strip()
