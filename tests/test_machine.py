"""Free memory: of the machine, or of the container that a process is confined to."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from napari_spatialrecon.machine import free_memory

GIB = 2**30


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=32 * GIB))


def group(folder: Path, names: tuple[str, str], limit: object, used: int, cache: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{cache}\nfile 7\n")


def belongs(root: Path, line: str) -> None:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(line)


def test_without_groups_it_is_that_of_the_machine(tmp_path: Path) -> None:
    assert free_memory(tmp_path) == 32 * GIB


def test_a_limit_of_any_group_above_counts_and_caches_are_free(tmp_path: Path) -> None:
    belongs(tmp_path, "0::/job_7/step_0\n")
    top = tmp_path / "sys/fs/cgroup"
    names = ("memory.max", "memory.current")
    group(top / "job_7/step_0", names, "max", GIB, "inactive_file 0")
    group(top / "job_7", names, 8 * GIB, 3 * GIB, f"inactive_file {GIB}")
    assert free_memory(tmp_path) == 6 * GIB


def test_groups_of_the_first_version_are_read_too(tmp_path: Path) -> None:
    belongs(tmp_path, "5:cpu,cpuacct:/x\n4:memory:/docker/ab\n")
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    top = tmp_path / "sys/fs/cgroup/memory"
    group(top / "docker/ab", names, 4 * GIB, 5 * GIB, f"total_inactive_file {GIB // 2}")
    group(top, names, 2**63 - 4096, 5 * GIB, "total_inactive_file 0")
    assert free_memory(tmp_path) == 0
