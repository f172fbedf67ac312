"""Whether the directories of a TIFF end, which tifffile follows until they do."""

from __future__ import annotations

import struct
from pathlib import Path

#: After the byte order: formats of the first offset and where it lies, of the number of tags and of
#: an offset, and the size of a tag.
_CLASSIC, _BIG = (4, "H", "I", 12), (8, "Q", "Q", 20)


def is_endless(path: Path) -> bool:
    """Return whether the chain of directories of a TIFF comes back to one of them.

    Parameters
    ----------
    path
        A file that begins as a TIFF does.
    """
    with path.open("rb") as stream:
        head = stream.read(16)
        order = "<" if head[:2] == b"II" else ">"
        start, count, offset, size = _BIG if head[2:4] in (b"+\0", b"\0+") else _CLASSIC
        width = struct.calcsize(offset)
        at, seen = _number(order + offset, head[start : start + width]), set[int]()
        end = path.stat().st_size
        while 0 < at < end:
            if at in seen:
                return True
            seen.add(at)
            stream.seek(at)
            n = _number(order + count, stream.read(struct.calcsize(count)))
            following = at + struct.calcsize(count) + n * size
            if following >= end:
                return False
            stream.seek(following)
            at = _number(order + offset, stream.read(width))
    return False


def _number(form: str, data: bytes) -> int:
    return int(struct.unpack(form, data)[0]) if len(data) == struct.calcsize(form) else 0
