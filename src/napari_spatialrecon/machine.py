"""What this machine has to give now: the memory that is free for this process."""

from __future__ import annotations

from pathlib import Path

#: Files of a group of processes: its limit, what it uses, and the name of what of that is a cache.
_GROUPS = {
    "unified": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def free_memory(root: Path = Path("/")) -> float:
    """Return the bytes of memory that are free for this process.

    That is what the machine has free, or less where a container or a cluster's job is given less.

    Parameters
    ----------
    root
        Folder that holds ``proc`` and ``sys``.

    Examples
    --------
    >>> free_memory() > 0
    True
    """
    import psutil

    return min([float(psutil.virtual_memory().available), *_left_of_groups(root)])


def amount(n_bytes: float) -> str:
    """Return an amount of memory, or of room on a disk, in the unit that suits it.

    Examples
    --------
    >>> amount(640), amount(1.6e5), amount(3.2e8), amount(1.1e9)
    ('640 bytes', '160 kB', '320 MB', '1.1 GB')
    """
    if n_bytes >= 1e9:
        return f"{n_bytes / 1e9:.1f} GB"
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.0f} {unit}"
    return f"{n_bytes:.0f} bytes"


def _left_of_groups(root: Path) -> list[float]:
    """Return what each group of processes that this one is in (cgroups of Linux) has left."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    left = []
    for line in lines:
        kinds, path = line.partition(":")[2].split(":", 1)
        kind = "unified" if not kinds else "memory"
        if kinds and "memory" not in kinds.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("" if kind == "unified" else "memory")
        group = Path(path.strip("/"))
        left += [_left(top / part, *_GROUPS[kind]) for part in (group, *group.parents)]
    return [amount for amount in left if amount is not None]


def _left(folder: Path, most: str, used: str, cache: str) -> float | None:
    """Return what a group has left, or None where nothing limits it."""
    try:
        limit = int((folder / most).read_text(encoding="ascii"))
        taken = int((folder / used).read_text(encoding="ascii"))
        rows = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):  # "max", or no such group
        return None
    dropped = sum(int(row.split()[1]) for row in rows if row.split()[:1] == [cache])
    return max(0.0, float(limit - taken + dropped))
