"""Tables and figures in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def grid(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join([_line(head), "|" + "---|" * len(head), *(_line(row) for row in body)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def number(value: float) -> str:
    """Return a figure with three decimals, without a zero before the point, and a minus.

    Examples
    --------
    >>> number(0.12345), number(-0.5), number(1.25)
    ('.123', '−.500', '1.250')
    """
    text = f"{value:.3f}".replace("-", "\N{MINUS SIGN}")
    return text.replace("0.", ".", 1) if abs(value) < 1 and "0." in text else text
