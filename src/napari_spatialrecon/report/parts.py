"""What a section of a report consists of; the template draws it."""

from __future__ import annotations

from dataclasses import dataclass

Line = tuple[str, str]
"""A tone ("good", "warning", "wrong" or "quiet") and a sentence."""


@dataclass(frozen=True)
class Picture:
    """A picture as a ``data:`` address.

    Parameters
    ----------
    alt
        What is to be seen, for those who do not see it.
    caption
        Stands below it.
    """

    uri: str
    width: int
    height: int
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """A table; cells of columns in `numbers` are aligned right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Bar:
    """A number beside others, with its share of the largest as a bar; `own` is the run's."""

    name: str
    text: str
    share: float
    meaning: str
    own: bool = False


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading; empty parts are not drawn.

    Parameters
    ----------
    anchor
        Its address within the report.
    code
        Text to be copied as it is, such as a command.
    after
        Paragraphs below tables and pictures.
    """

    anchor: str
    title: str
    text: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    code: str = ""
    after: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing below the heading."""
        return not (
            self.text
            or self.lines
            or self.bars
            or self.tables
            or self.pictures
            or self.code
            or self.after
        )


def listed(words: list[str] | tuple[str, ...]) -> str:
    """Return words as an enumeration.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
