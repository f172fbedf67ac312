"""A seeded monkey in a real window: what it breaks, and what is left once all is cleared.

    PYTHONPATH=tests python -m faults.monkey --seconds 1800 --seed 0

It acts by mouse and keys in rounds, and clears everything after each. What an act does depends on
the seed and on its number alone; what that meets depends on the runs in the background as well.
`--until ACT` stops there. Without a display it brings a virtual one (pyvirtualdisplay).
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
ROUND = 60
"""Acts between two counts of what is left."""
WARM = 2
"""Rounds, at least, until everything has been imported and compiled, and every cache filled."""
GROWTH = 1.05
"""How much more may be left after the last third of the rounds that count than after the first: the
median of each, since single rounds differ by a few percent either way."""
#: What may not stay at all, beyond what there was: a single one is a leak in the long run.
EXACT = ("layers", "viewers", "processes", "folders", "workbenches")
#: What is told of, and may grow: libraries are loaded when a part of the window first needs them.
TOLD = {"MB of files", "modules"}


def main() -> int:
    """Act for as long as asked; print what was tried, what was left and what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--until", type=int, default=10**9, help="number of the last act")
    parser.add_argument("--only", nargs="*", default=[], help="names of acts")
    parser.add_argument("--round", type=int, default=ROUND, help="acts until all is cleared")
    parser.add_argument("--loud", action="store_true", help="print each act")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="monkey-") as name:
        home = Path(name)
        set_apart(home)
        code = 1
        try:
            with_screen()
            code = trial(home, options)
        except BaseException:
            import traceback

            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # PySide6 destroys what is left of Qt in no order


def set_apart(home: Path) -> None:
    """Let the window remember nothing of its user, and leave nothing behind outside of a folder."""
    for folder in ("in", "out", "tmp", "config", "cache", "data"):
        (home / folder).mkdir()
    os.environ |= {
        "TMPDIR": str(home / "tmp"),
        "NAPARI_CONFIG": str(home / "config" / "napari.yaml"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
    }
    tempfile.tempdir = None
    if os.environ.get("QT_QPA_PLATFORM") == "offscreen":  # which cannot draw layers
        del os.environ["QT_QPA_PLATFORM"]
    sys.path.insert(0, str(ROOT / "docs" / "figures"))


def with_screen() -> None:
    """Bring a screen where there is none; it ends with this process."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        from pyvirtualdisplay import Display

        Display(size=(1280, 800)).start()


def trial(home: Path, options: argparse.Namespace) -> int:
    """Act in rounds until the time is up."""
    from faults.monkey.acts import WEIGHTS, Monkey
    from faults.monkey.watch import Watch, kept_in

    watch = Watch()
    monkey = Monkey(home, watch)
    names = options.only or [name for name, n in WEIGHTS.items() if n]
    weights = [WEIGHTS[name] or 1.0 for name in names]
    tried: Counter[str] = Counter()
    left: list[dict[str, float]] = []
    number, stop = 0, time.monotonic() + options.seconds
    while time.monotonic() < stop and number < options.until:
        monkey.open_window()
        for _ in range(options.round):
            if number >= options.until or time.monotonic() > stop:
                break
            number += 1
            rng = random.Random(f"{options.seed}:{number}")
            chosen = rng.choices(names, weights)[0]
            if number <= len(names):  # each once, so that all is imported
                chosen = names[number - 1]
            before = len(watch.misses)
            watch.begin(f"act {number} ({chosen}), seed {options.seed}")
            done = monkey.act(chosen, rng)
            tried[chosen if done else f"{chosen} (nothing there)"] += 1
            if options.loud or len(watch.misses) > before:
                print(f"{number} {chosen} {done or ''}", *watch.misses[before:], sep="\n  ")
        watch.begin(f"clearing after act {number}, seed {options.seed}")
        before = len(watch.misses)
        monkey.clear()
        left.append(monkey.left())
        if left[-1]["folders"] > left[0]["folders"]:
            print("temporary:", *(path.relative_to(home) for path in kept_in(home)), sep="\n  ")
        print(*watch.misses[before:], sep="\n")
        print(f"act {number}: " + ", ".join(f"{k} {v:g}" for k, v in left[-1].items()), flush=True)
    warm = max(WARM, -(-len(names) // options.round))
    return told(tried, left, watch, monkey, warm)


def usual(what: str) -> Any:
    """Return what stands for the counts of several rounds.

    vispy deletes from OpenGL when it draws next: the fewest are those that nothing will delete.
    """
    return min if what == "GL objects" else median


def told(
    tried: Counter[str], left: list[dict[str, float]], watch: Any, monkey: Any, warm: int
) -> int:
    """Print what was tried, and return 1 if something went wrong; count after `warm` rounds."""
    misses = list(watch.misses)
    if len(left) > warm + 1:
        counted = left[warm:]
        third = max(1, len(counted) // 3)
        first, last = (
            {what: usual(what)(round_[what] for round_ in some) for what in left[-1]}
            for some in (counted[:third], counted[-third:])
        )
        for what in (name for name in left[-1] if name not in TOLD):
            n = left[-1][what] if what in EXACT else last[what]
            most = left[warm][what] if what in EXACT else max(first[what] * GROWTH, first[what] + 2)
            if n > most:
                misses.append(f"{what} grew from {first[what]:g} to {n:g}")
        for what in ("MB", "MB of files", "allocated", "modules", "widgets", "GL objects"):
            every = [round_[what] for round_ in counted]
            print(
                f"{what}: {first[what]:g} in the first third, {last[what]:g} in the last; "
                f"{min(every):g} to {max(every):g}"
            )
    for what, n in sorted(tried.items()):
        print(f"{what}: {n}")
    print(f"runs started {monkey.started}, ended {dict(monkey.ended)}")
    print(
        f"longest wait for the window {watch.longest:.2f} s, of which at work {watch.busiest:.2f}"
    )
    print(f"errors with a remedy: {dict(watch.known)}")
    print(f"{tried.total()} acts, {len(misses)} misses")
    print("\n".join(misses))
    return bool(misses)


if __name__ == "__main__":
    sys.exit(main())
