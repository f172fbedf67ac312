"""A file on which the library of HDF5 crashes is refused, and ends nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_spatialrecon import hdf5_vetting, hdf5_walk
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.hdf5_vetting import DamagedError, opened, vet
from napari_spatialrecon.tissue.read import read_adata

#: The type of a text of any length in HDF5; its second byte says that it is a text.
_TEXT = b"\x19\x01\x01\x00\x10\x00\x00\x00"


@pytest.fixture(autouse=True)
def anew():
    """Nothing is known of any file, and no process is there."""
    hdf5_vetting._end()
    hdf5_vetting._known.clear()
    yield
    hdf5_vetting._end()
    hdf5_vetting._known.clear()


def intact(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["X"] = np.ones((4, 3))
        file["obs"] = np.array(["a", "b"], object)
        file["X"].attrs["encoding-type"] = "array"
    return path


def crashing(path: Path) -> Path:
    """Return a file on which HDF5 crashes: of any length, but neither a text nor a list."""
    content = intact(path).read_bytes()
    assert _TEXT in content
    path.write_bytes(content.replace(_TEXT, _TEXT[:1] + b"\x28" + _TEXT[2:]))
    return path


def absurd(path: Path) -> Path:
    """Return a file of which one text states that it is 3 GB long."""
    content = intact(path).read_bytes()
    heap = content.index(b"GCOL").to_bytes(8, "little")
    assert b"\x01\x00\x00\x00" + heap in content
    path.write_bytes(content.replace(b"\x01\x00\x00\x00" + heap, b"\x01\x00\x00\xbd" + heap))
    return path


def script(folder: Path, answer: str) -> Path:
    """Return a program in the place of the one that walks."""
    path = folder / "walk.py"
    lines = [
        "import os, signal, sys, time",
        'print("ready", flush=True)',
        "for line in sys.stdin:",
        f"    {answer}",
        '    print("walked", flush=True)',
    ]
    path.write_text("\n".join(lines))
    return path


def test_hdf5_itself_crashes_on_such_a_file(tmp_path):
    words = "import h5py, sys; h5py.File(sys.argv[1])['X'].attrs['encoding-type']"
    ended = subprocess.run([sys.executable, "-c", words, crashing(tmp_path / "a.h5")], check=False)
    assert hdf5_vetting._is_crash(ended.returncode)


def test_a_file_on_which_hdf5_crashes_is_refused_and_the_next_is_not(tmp_path):
    bad, good = crashing(tmp_path / "bad.h5"), intact(tmp_path / "good.h5")
    for _ in range(2):
        with pytest.raises(DamagedError):
            opened(bad)
    with opened(good) as file:
        assert file["X"].shape == (4, 3)


def test_a_table_of_such_a_file_is_refused_with_a_remedy(tmp_path):
    with pytest.raises(InputError, match="truncated or damaged") as refused:
        read_adata(crashing(tmp_path / "a.h5ad"))
    assert refused.value.problem.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_a_part_that_states_gigabytes_is_refused_before_they_are_taken(tmp_path):
    with pytest.raises(DamagedError):
        opened(absurd(tmp_path / "a.h5"))
    vet(intact(tmp_path / "b.h5"))


def test_a_file_is_refused_only_if_a_process_that_met_no_other_fails_too(tmp_path, monkeypatch):
    answer = "'good' in line or n > 0 and os.kill(os.getpid(), signal.SIGSEGV); n += 1"
    walk = script(tmp_path, answer)
    walk.write_text("n = 0\n" + walk.read_text())
    monkeypatch.setattr(hdf5_vetting, "_SCRIPT", walk)
    vet(intact(tmp_path / "good.h5"))
    vet(intact(tmp_path / "second.h5"))


def test_a_file_that_has_changed_is_walked_through_again(tmp_path):
    path = intact(tmp_path / "a.h5")
    vet(path)
    os.utime(crashing(path), ns=(1, 1))
    with pytest.raises(DamagedError):
        vet(path)


def test_a_file_is_walked_through_once(tmp_path, monkeypatch):
    path, asked = intact(tmp_path / "a.h5"), []
    walk = hdf5_vetting._Walker.walk
    monkeypatch.setattr(
        hdf5_vetting._Walker, "walk", lambda *all: asked.append(all[1]) or walk(*all)
    )
    for _ in range(3):
        vet(path)
    assert asked == [str(path)]


def test_a_small_file_on_which_hdf5_never_ends_is_refused_a_large_one_is_not(tmp_path, monkeypatch):
    late = "__import__('faulthandler').dump_traceback_later(0.2, exit=True), time.sleep(9)"
    monkeypatch.setattr(hdf5_vetting, "_SCRIPT", script(tmp_path, late))
    with pytest.raises(DamagedError):
        vet(intact(tmp_path / "a.h5"))
    monkeypatch.setattr(hdf5_vetting, "_QUICK", 0)
    vet(intact(tmp_path / "b.h5"))


def test_a_walk_that_takes_too_long_by_the_clock_ends_the_process(tmp_path):
    path = intact(tmp_path / "a.h5")
    words = (
        "import time; from napari_spatialrecon import hdf5_walk as walk; walk._PATIENCE_S = 0.2;"
        "walk.walk = lambda path: time.sleep(9); walk.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", words],
        input=f'"{path}"\n',
        text=True,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == hdf5_vetting.LATE and "walked" not in ended.stdout


def test_no_thread_is_started(tmp_path):
    threads = threading.active_count()
    vet(intact(tmp_path / "a.h5"))
    assert threading.active_count() == threads


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of the processor's time")
def test_an_endless_loop_of_hdf5_ends_by_itself(tmp_path, monkeypatch):
    loop = "(__import__('resource').setrlimit(0, (1, -1)), exec('while 1: 0'))"
    monkeypatch.setattr(hdf5_vetting, "_SCRIPT", script(tmp_path, f"'bad' in line and {loop}"))
    tried, walk = [], hdf5_vetting._Walker.walk
    monkeypatch.setattr(
        hdf5_vetting._Walker, "walk", lambda *all: tried.append(all[1]) or walk(*all)
    )
    vet(intact(tmp_path / "good.h5"))
    with pytest.raises(DamagedError):
        vet(intact(tmp_path / "bad.h5"))
    assert len(tried) == 2  # and not once more by a process that met no other file


def test_a_walk_that_takes_long_in_one_call_is_ended_by_the_system(tmp_path):
    path = intact(tmp_path / "a.h5")
    words = (
        "from napari_spatialrecon import hdf5_walk as walk; walk._ENOUGH_S = walk._LONGEST_S = 0\n"
        "walk._limit_time(walk.time.process_time()); exec('while 1: 0')"
    )
    ended = subprocess.run([sys.executable, "-c", words, path], check=False)
    assert hdf5_vetting._is_crash(ended.returncode)


def test_a_walk_of_many_objects_stops_when_it_has_seen_enough(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for n in range(50):
            file[f"x{n}"] = n
    looked = []
    monkeypatch.setattr(hdf5_walk, "_touch", lambda stored, whole: looked.append(stored.name))
    monkeypatch.setattr(hdf5_walk, "_limit_time", lambda until: None)
    hdf5_walk.walk(str(path))
    assert len(looked) == 50
    looked.clear()
    monkeypatch.setattr(hdf5_walk, "_ENOUGH_S", 0.0)
    hdf5_walk.walk(str(path))
    assert len(looked) < 50


@pytest.mark.parametrize("answer", ["sys.exit(0)", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_what_is_no_crash_refuses_nothing(tmp_path, monkeypatch, answer):
    monkeypatch.setattr(hdf5_vetting, "_SCRIPT", script(tmp_path, answer))
    vet(intact(tmp_path / "a.h5"))
    assert not hdf5_vetting._walkers


def test_without_the_process_files_are_read_all_the_same(tmp_path, monkeypatch):
    path = intact(tmp_path / "a.h5")
    monkeypatch.setattr(hdf5_vetting, "_SCRIPT", tmp_path / "nothing.py")
    vet(path)
    hdf5_vetting._known.clear()
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    monkeypatch.setattr(hdf5_vetting, "_SCRIPT", tmp_path / "broken.py")
    vet(path)
    hdf5_vetting._known.clear()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    vet(path)
    hdf5_vetting._known.clear()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(hdf5_vetting, "_Walker", None)
    vet(path)


def test_an_answer_that_nobody_waits_for_is_not_taken_for_the_next(tmp_path, monkeypatch):
    first, crash = intact(tmp_path / "a.h5"), crashing(tmp_path / "b.h5")
    hdf5_vetting.start()
    get, asked = hdf5_vetting._Walker.walk, []

    def interrupted(walker, path):
        asked.append(path)
        if len(asked) == 1:
            walker._child.stdin.write('"nothing"\n')
            walker._child.stdin.flush()
            raise KeyboardInterrupt
        get(walker, path)

    monkeypatch.setattr(hdf5_vetting._Walker, "walk", interrupted)
    with pytest.raises(KeyboardInterrupt):
        vet(first)
    with pytest.raises(DamagedError):
        vet(crash)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_is_forked_starts_its_own(tmp_path):
    vet(intact(tmp_path / "a.h5"))
    child = os.fork()
    if not child:
        code = 1
        try:
            vet(intact(tmp_path / "b.h5"))
            code = 0 if hdf5_vetting._walkers else 1
        finally:
            hdf5_vetting._end()
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    vet(intact(tmp_path / "c.h5"))
    assert hdf5_vetting._walkers[0]._child.poll() is None


def test_ctrl_c_is_not_for_the_process(tmp_path):
    vet(intact(tmp_path / "a.h5"))
    hdf5_vetting._walkers[0]._child.send_signal(signal.SIGINT)
    vet(intact(tmp_path / "b.h5"))
    assert hdf5_vetting._walkers[0]._child.poll() is None


def test_links_out_of_the_file_and_huge_chunks_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5_walk, "_limit_time", lambda until: None)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "x")
        file["ring"] = h5py.SoftLink("/ring")
        file.create_dataset("huge", (1 << 40,), "u1", chunks=(1 << 30,))
        file.create_dataset("long", (1 << 40,), "u1", chunks=(1 << 20,))
        file["here"] = file["/"]
    hdf5_walk.walk(str(path))
