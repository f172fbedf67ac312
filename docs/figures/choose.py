"""Decision figure: from the question to a method for each task.

python docs/figures/choose.py --out docs/images
"""

from __future__ import annotations

import argparse
from pathlib import Path
from xml.sax.saxutils import escape

QUESTIONS = [
    ("where a cell sat", "place cells"),
    ("the types in a spot", "deconvolve"),
    ("genes not measured", "impute genes"),
    ("what is finer than a spot", "super-resolve"),
]
#: Of each task, from top to bottom: a condition and the method that it leads to.
BRANCHES = [
    [
        ("fewer than 100 spots, or in haste", "knn"),
        ("some places are known", "dpvae + landmarks"),
        ("where else may it lie?", "come"),
        ("several hundred spots or more", "gears"),
    ],
    [
        ("shares or numbers are known", "come --prior"),
        ("other platform than the reference", "nnls loss=counts"),
        ("types differ clearly", "nnls"),
        ("pseudo-spots disagree", "auto: a mean of several"),
    ],
    [
        ("fewer than 20 shared genes", "do not impute"),
        ("an answer in seconds", "mapping"),
        ("some dozen shared genes", "spadit network.on=false"),
        ("hours are no matter", "spadit"),
    ],
    [
        ("round spots with gaps", "uniform"),
        ("an H&E with nuclei", "srast --guided"),
        ("bins that touch", "srast"),
        ("fewer than 6 x 6 spots", "bilinear"),
    ],
]
WIDTH, HEIGHT, COLUMN, GAP = 1080, 590, 250, 20
STYLE = (
    "text{font-family:system-ui,sans-serif;font-size:14px;fill:#1c2b2a}"
    ".head{font-weight:600;font-size:16px}.small{font-size:13px;fill:#46605d}"
    ".box{fill:#fff;stroke:#00796b;stroke-width:1.5}.method{fill:#d5efeb;stroke:#00796b}"
    ".task{fill:#00695c}.light{fill:#fff;font-weight:600}path{stroke:#6b8682;fill:none}"
)


def box(x: float, y: float, width: float, height: float, kind: str, *lines: str) -> list[str]:
    """Return a box with centered lines of text; a line may begin with its class and a bar."""
    parts = [f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="7"/>']
    for number, line in enumerate(lines):
        style, _, words = line.rpartition("|")
        at = y + height / 2 + 5 + 18 * (number - (len(lines) - 1) / 2)
        parts.append(
            f'<text class="{style}" x="{x + width / 2}" y="{at}" text-anchor="middle">'
            f"{escape(words)}</text>"
        )
    return parts


def draw() -> str:
    """Return the figure as SVG."""
    parts = [f"<style>{STYLE}</style>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#f6faf9"/>']
    parts += box(WIDTH / 2 - 130, 18, 260, 44, "box", "head|What is missing?")
    for column, (words, task) in enumerate(QUESTIONS):
        x = GAP + column * (COLUMN + GAP) - 10
        middle = x + COLUMN / 2
        parts.append(f'<path d="M{WIDTH / 2} 62V78H{middle}V96"/>')
        parts += box(x, 96, COLUMN, 54, "task", f"light|{words}", f"light|{task}: auto, or")
        for row, (condition, method) in enumerate(BRANCHES[column]):
            y = 172 + row * 94
            parts.append(f'<path d="M{x + 8} 150V{y + 36}H{x + 20}"/>')
            parts += box(x + 20, y, COLUMN - 20, 34, "box", f"small|{condition}")
            parts += box(x + 20, y + 34, COLUMN - 20, 34, "method", method)
    foot = "Compare with the baseline on your own data: spatialrecon validate"
    parts += box(WIDTH / 2 - 260, HEIGHT - 42, 520, 30, "box", f"small|{foot}")
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Which method to begin with, by task and data">\n{body}\n</svg>\n'
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    (parser.parse_args().out / "choose.svg").write_text(draw(), encoding="utf-8")
