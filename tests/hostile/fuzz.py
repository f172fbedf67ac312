"""Mutates bytes of whole files for as long as asked, by hypothesis, which shrinks what it finds.

    PYTHONPATH=tests python -m hostile.fuzz --seconds 600 --seed 0

What is found is printed as a call to write into `found.py`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from hostile.generator import Hostile, Whole
from hostile.trial import outcome

FILES = (
    *(("table", name) for name in ("a.h5ad", "m.h5", "t.csv")),
    *(("image", name) for name in ("i.ome.tif", "i.jpg", "i.png")),
)
#: A place of a file, as a part of its length, what is put there, and what is left out after it.
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.binary(max_size=16), st.integers(0, 64)), min_size=1, max_size=8
)


def mutated(data: bytes, edits: list[tuple[float, bytes, int]]) -> bytes:
    """Return bytes with some replaced, put in and left out."""
    for at, put, left_out in edits:
        place = int(at * len(data))
        data = data[:place] + put + data[place + left_out :]
    return data


def main() -> int:
    """Fuzz each file in turn; print what failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    until, number, tried, wrong = time.monotonic() + options.seconds, options.seed, [0], []
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "whole").mkdir()
        Whole(Path(name) / "whole")
        while time.monotonic() < until:
            reader, file = FILES[number % len(FILES)]
            data = (Path(name) / "whole" / file).read_bytes()
            try:
                _round(number, reader, file, data, Path(name) / "in", tried, until)
            except AssertionError as error:
                wrong.append(str(error))
                print(f"{file}: {error}", flush=True)
            number += 1
    print(f"{tried[0]} mutated files, {len(wrong)} misses")
    return bool(wrong)


def _round(
    number: int, reader: str, file: str, data: bytes, folder: Path, tried: list[int], until: float
) -> None:
    @seed(number)
    @settings(
        max_examples=60,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(EDITS)
    def ends_well(edits: list[tuple[float, bytes, int]]) -> None:
        if time.monotonic() > until:
            return
        folder.mkdir()
        try:

            def make(into: Path) -> Path:
                (into / file).write_bytes(mutated(data, edits))
                return into / file

            said = outcome(Hostile(reader, file, make), folder)
        finally:
            shutil.rmtree(folder)
        tried[0] += 1
        assert not said, f"{said} of {edits}"

    ends_well()


if __name__ == "__main__":
    sys.exit(main())
