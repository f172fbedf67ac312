"""One cell of a comparison, a contestant on a case with one seed, kept as a JSON file."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_spatialrecon.comparison.cases.problem import TRUTH
from napari_spatialrecon.comparison.contestants import Contestant
from napari_spatialrecon.comparison.process import Court, Limits, explained
from napari_spatialrecon.errors import SpatialReconError, Stopped
from napari_spatialrecon.progress import ShouldStop
from napari_spatialrecon.storage import write_json

DONE, FAILED, MISSING, NOT_RUN = "done", "failed", "not installed", "not run"


@dataclass(frozen=True)
class Cell:
    """A contestant on a case with one seed.

    Parameters
    ----------
    folder
        Of the comparison.
    case
        ``task/name``.
    """

    folder: Path
    case: str
    contestant: Contestant
    seed: int

    @property
    def path(self) -> Path:
        """Where what came of it is kept."""
        spec = re.sub(r"[^\w.=-]+", "_", self.contestant.spec)
        return self.folder / "cells" / self.case / f"{spec}.seed{self.seed}.json"

    @property
    def predictions(self) -> Path:
        """Folder of the predictions, a file for each part of the case."""
        return self.path.with_suffix("")

    def kept(self, fingerprint: str | None = None) -> dict[str, Any] | None:
        """Return what came of it, or None if it was not run, or on other inputs."""
        try:
            found: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if fingerprint in (None, found.get("inputs")) else None

    def empty(self, status: str, reason: str = "") -> dict[str, Any]:
        """Return what is told of a cell without a result."""
        task, _, name = self.case.partition("/")
        return {
            "task": task,
            "case": name,
            "method": self.contestant.spec,
            "title": self.contestant.title,
            "kind": self.contestant.kind,
            "seed": self.seed,
            "status": status,
            "reason": reason,
        }

    def run(
        self, about: dict[str, Any], court: Court, limits: Limits, should_stop: ShouldStop
    ) -> dict[str, Any]:
        """Run the contestant on each part, score it, and keep what came of it.

        Raises
        ------
        Stopped
            The user stopped the comparison; nothing is kept.
        """
        shutil.rmtree(self.predictions, ignore_errors=True)
        self.predictions.mkdir(parents=True)
        case = self.folder / "cases" / self.case
        found = self.empty(DONE) | {"inputs": about["fingerprint"], "seconds": 0.0}
        found |= {"cpu_seconds": 0.0, "peak_memory_bytes": 0}
        try:
            for number in range(about["parts"]):
                self._part(case / f"part{number}", number, found, court, limits, should_stop)
                if found["status"] != DONE:
                    break
            else:
                made = [str(self._prediction(n)) for n in range(about["parts"])]
                asked = {"do": "score", "task": found["task"], "predictions": made}
                asked["truth"] = str(case / "truth" / TRUTH)
                found |= court.ask(asked, should_stop)
        except Stopped:
            raise
        except SpatialReconError as error:
            found |= {"status": FAILED, "reason": f"its result could not be scored: {error}"}
        write_json(self.path, _finite(found))
        return found

    def _prediction(self, number: int) -> Path:
        return self.predictions / f"part{number}.h5ad"

    def _part(
        self,
        part: Path,
        number: int,
        found: dict[str, Any],
        court: Court,
        limits: Limits,
        should_stop: ShouldStop,
    ) -> None:
        """Run one part in a process of its own, which is told of no other folder."""
        log, facts_path = self.predictions / "log.txt", self.predictions / "facts.json"
        request = self.predictions / "request.json"
        facts_path.unlink(missing_ok=True)
        content = {"task": found["task"], "spec": self.contestant.spec, "seed": self.seed}
        content |= {"part": str(part), "out": str(self._prediction(number))}
        write_json(request, {**content, "facts": str(facts_path)})
        ended = court.run(request, log, limits, should_stop, found["seconds"])
        facts = json.loads(facts_path.read_text("utf-8")) if facts_path.exists() else {}
        found["seconds"] += facts.get("seconds", ended.seconds)
        found["cpu_seconds"] += facts.get("cpu_seconds", 0.0)
        peaks = found["peak_memory_bytes"], ended.peak_bytes, facts.get("memory_bytes", 0)
        found["peak_memory_bytes"] = max(peaks)
        found |= {key: facts[key] for key in ("versions", "settings") if key in facts}
        if ended.code != 0 or ended.reason:
            reason = facts.get("error") if not ended.reason else ""
            found |= {"status": FAILED, "reason": reason or explained(ended, log)}


def _finite(content: Any) -> Any:
    """Return the content with None for numbers that JSON does not know."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
