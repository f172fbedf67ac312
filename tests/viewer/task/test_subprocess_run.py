from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import pytest

from napari_spatialrecon.errors import InputError, SpatialReconError, Stopped
from napari_spatialrecon.progress import Progress
from napari_spatialrecon.viewer.task.subprocess_run import SubprocessWork, parse_progress
from napari_spatialrecon.viewer.window.notify import details, headline

HEAD = """
import json, os, signal, sys, time
def tell(step, **metrics):
    line = {"stage": "Training", "step": step, "total": 3, "eta_s": 1.5, "metrics": metrics}
    print(json.dumps(line), file=sys.stderr, flush=True)
"""


def program(body: str) -> SubprocessWork:
    return SubprocessWork(["place"], program=(sys.executable, "-c", HEAD + body))


def never() -> bool:
    return False


def test_progress_and_output_of_the_command_arrive() -> None:
    seen: list[Progress] = []
    body = "[tell(i + 1, loss=1 / (i + 1)) for i in range(3)]; print(sys.argv[1:])"
    said = program(body)(seen.append, never)
    assert said == "['place', '--progress', 'json']"
    assert [p.step for p in seen] == [1, 2, 3]
    assert seen[-1].metrics["loss"] == pytest.approx(1 / 3) and seen[-1].eta_s == 1.5


def test_wrong_input_speaks_in_the_commands_own_words() -> None:
    body = "print('slide.h5ad: Expected counts, found logs.', file=sys.stderr); sys.exit(2)"
    with pytest.raises(InputError, match=r"^slide.h5ad: Expected counts, found logs.$"):
        program(body)(lambda _: None, never)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_it_stops_on_the_first_request_when_the_command_listens() -> None:
    body = """
try:
    while True: tell(1); time.sleep(0.02)
except KeyboardInterrupt:
    sys.exit(130)
"""
    started = time.monotonic()
    with pytest.raises(Stopped):
        program(body)(lambda _: None, lambda: time.monotonic() - started > 1.0)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_a_deaf_command_is_killed_with_its_children(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("napari_spatialrecon.viewer.task.subprocess_run.KILL_AFTER_S", 0.3)
    pulse = tmp_path / "pulse"
    body = f"""
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.fork()
while True: open({str(pulse)!r}, "a").write("x"); time.sleep(0.02)
"""
    with pytest.raises(Stopped):
        program(body)(lambda _: None, pulse.exists)
    size = pulse.stat().st_size
    time.sleep(0.2)
    assert pulse.stat().st_size == size


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_a_crash_is_an_error_and_not_the_end_of_the_window() -> None:
    with pytest.raises(SpatialReconError, match="killed by the operating system"):
        program("os.kill(os.getpid(), signal.SIGKILL)")(lambda _: None, never)


def test_an_unexpected_end_shows_what_was_said_last() -> None:
    with pytest.raises(SpatialReconError, match=r"exit code 1 \(ZeroDivisionError") as caught:
        program("1 / 0")(lambda _: None, never)
    assert "Traceback" not in headline(caught.value)
    assert "Traceback (most recent call last):\nFile" in details(caught.value)


def test_a_program_that_floods_both_streams_does_not_block() -> None:
    body = "[print('o' * 99) or print('e' * 99, file=sys.stderr) for _ in range(5000)]"
    assert len(program(body)(lambda _: None, never)) == 5000 * 100 - 1


@pytest.mark.parametrize(
    "line", ["Reading", "{", "{}", '{"stage": 1}', '{"stage": "a", "step": "x"}', "[1]"]
)
def test_other_lines_are_messages(line: str) -> None:
    assert parse_progress(line) is None


def test_a_metric_without_value_is_nan() -> None:
    found = parse_progress('{"stage": "a", "step": 1, "metrics": {"loss": null}}')
    assert found is not None and found.total is None and math.isnan(found.metrics["loss"])
