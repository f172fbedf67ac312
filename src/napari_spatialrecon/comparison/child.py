"""The processes of a comparison: each answers a JSON object a line on stdin by lines on stdout.

``judge`` knows the answers: it makes cases, scores predictions and draws. ``nursery`` starts a
process for each part of a cell. Such a process is given the folder of its part alone; the answer
lies in no file that it is told of. Where the system can fork, it starts from the nursery, which has
imported what methods need; it takes seconds less.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn

import psutil

from napari_spatialrecon.errors import SpatialReconError

#: Exit code of a run that failed with a reason, which is in its file of facts.
FAILED = 3
#: What most methods need.
_PRELOADED = (
    "napari_spatialrecon.comparison.cases.problem",
    "napari_spatialrecon.comparison.own_methods",
    "scanpy",
    "torch",
)


def run(request: dict[str, Any]) -> int:
    """Solve a part; write the prediction, and facts of the run beside it."""
    from napari_spatialrecon.storage import write_json

    facts: dict[str, Any] = {}
    try:
        facts |= _solve(request)
        code = 0
    except MemoryError:
        facts["error"], code = "it ran out of memory", FAILED
    except SpatialReconError as error:
        facts["error"], code = str(error), FAILED
    except Exception as error:  # another tool may raise anything
        traceback.print_exc()
        facts["error"], code = f"{type(error).__name__}: {error}", FAILED
    write_json(request["facts"], facts)
    return code


def _solve(request: dict[str, Any]) -> dict[str, Any]:
    from napari_spatialrecon.comparison.cases.problem import Part
    from napari_spatialrecon.comparison.contestants import contestants
    from napari_spatialrecon.tissue.h5ad import write_h5ad

    task, seed = request["task"], request["seed"]
    runner = contestants(task, [request["spec"]])[0].runner()
    runner.load()
    part = Part.read(Path(request["part"]))
    clock, processor = time.perf_counter(), time.process_time()
    made = runner.run(task, part, seed)
    facts = {
        "seconds": time.perf_counter() - clock,
        "cpu_seconds": time.process_time() - processor,
        "memory_bytes": psutil.Process().memory_info().rss,  # it may end between two readings
        "versions": runner.versions(),
        "settings": runner.settings(seed),
    }
    write_h5ad(request["out"], made)
    return facts


def nursery() -> None:
    """Start a process for each request, say its number, wait for its end, and say its exit code."""
    answers, can_fork = _answers(), hasattr(os, "fork")
    if can_fork:
        for module in _PRELOADED:
            importlib.import_module(module)
    for line in sys.stdin:
        asked = json.loads(line)
        if can_fork:
            pid = os.fork()
            if pid == 0:
                _born(asked)
            print(json.dumps({"pid": pid}), file=answers, flush=True)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        else:
            command = [sys.executable, "-m", __spec__.name, "run", asked["request"], asked["log"]]
            child = subprocess.Popen(command)
            print(json.dumps({"pid": child.pid}), file=answers, flush=True)
            code = child.wait()
        print(json.dumps({"code": code}), file=answers, flush=True)


def _born(asked: dict[str, str]) -> NoReturn:
    """Run a request in this new process, in a session of its own, and end it."""
    code = 1
    try:
        if hasattr(os, "setsid"):
            os.setsid()
        with Path(asked["log"]).open("wb") as log:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
        code = run(json.loads(Path(asked["request"]).read_text(encoding="utf-8")))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _answers() -> IO[str]:
    """Return where answers go; what anything else prints goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def judge() -> None:
    """Answer requests until stdin ends."""
    answers = _answers()
    for line in sys.stdin:
        try:
            request = json.loads(line)
            answer = {"answer": _DUTIES[request["do"]](request)}
        except SpatialReconError as error:
            answer = {"wrong": str(error)}
        except Exception as error:  # said in the cell; the table goes on
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, default=float), file=answers, flush=True)


def _prepare(request: dict[str, Any]) -> dict[str, Any]:
    from napari_spatialrecon.comparison.cases.known import build
    from napari_spatialrecon.comparison.cases.own import OwnFiles
    from napari_spatialrecon.comparison.cases.problem import ABOUT
    from napari_spatialrecon.comparison.data import DataFolder

    folder = Path(request["folder"])
    if request.get("own"):
        problem = OwnFiles.from_dict(request["own"]).problem()
    else:
        problem = build(request["case"], DataFolder(request["data"] or "."))
    problem.write(folder, request.get("own"))
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return about


def _score(request: dict[str, Any]) -> dict[str, Any]:
    import anndata

    from napari_spatialrecon.comparison.scoring import score

    truth = anndata.read_h5ad(request["truth"])
    return score(request["task"], truth, [anndata.read_h5ad(p) for p in request["predictions"]])


def _draw(request: dict[str, Any]) -> list[str]:
    from napari_spatialrecon.comparison.pictures import draw

    return [str(path) for path in draw(Path(request["folder"]), request["cells"])]


_DUTIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "prepare": _prepare,
    "score": _score,
    "draw": _draw,
}

if __name__ == "__main__":
    if sys.argv[1] == "run":
        _born({"request": sys.argv[2], "log": sys.argv[3]})
    {"judge": judge, "nursery": nursery}[sys.argv[1]]()
