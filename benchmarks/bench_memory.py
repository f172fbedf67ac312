"""What memory costs when it is touched first, again, and after a rest.

On most machines 100 MB take about 10 ms. The host of a virtual machine may take free memory back
and hand it out anew, page by page, which then counts as processor time of whatever touches it::

    python benchmarks/bench_memory.py
"""

from __future__ import annotations

import time

import numpy as np

SIZE = 100 << 20


def touch() -> tuple[np.ndarray, float]:
    """Return new memory of 100 MB, each page touched, and the seconds that it took."""
    began = time.perf_counter()
    block = np.empty(SIZE, np.uint8)
    block[::4096] = 1
    return block, time.perf_counter() - began


def report(what: str, seconds: list[float]) -> None:
    low, middle, high = np.percentile(seconds, [0, 50, 100]) * 1e3
    print(f"| {what} | {low:.0f} ms | {middle:.0f} ms | {high:.0f} ms |", flush=True)


def main() -> None:
    print("| 100 MB | least | median | most |\n|---|---:|---:|---:|")
    held = [touch() for _ in range(20)]
    report("new, all of it kept", [seconds for _, seconds in held])
    del held
    report("given back at once, and anew", [touch()[1] for _ in range(20)])
    time.sleep(20)
    report("after 20 s of rest", [seconds for _, seconds in [touch() for _ in range(20)]])


if __name__ == "__main__":
    main()
