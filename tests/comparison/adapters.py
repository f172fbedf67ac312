"""Tools that stand in for others: each does one thing wrong, or nothing."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.comparison.peers.base import Peer


class Center(Peer):
    """Places every cell near the center, notes that it ran, and what it was given."""

    def load(self) -> None:
        pass

    def solve(self, task: str, part: Any, seed: int) -> AnnData:
        if "RAN" in os.environ:
            with Path(os.environ["RAN"]).open("a") as file:
                file.write(f"{type(self).__name__} {seed}\n")
        cells = part.tables["query"]
        made = AnnData(obs=pd.DataFrame(index=cells.obs_names))
        made.obsm["spatial"] = np.random.default_rng(seed).normal(size=(cells.n_obs, 2))
        return made


class Raises(Center):
    def solve(self, task: str, part: Any, seed: int) -> AnnData:
        raise KeyError("no such gene\nand more")


class Killed(Center):
    def solve(self, task: str, part: Any, seed: int) -> AnnData:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("it lives")


class Exhausted(Center):
    def solve(self, task: str, part: Any, seed: int) -> AnnData:
        raise MemoryError


class Hungry(Center):
    def solve(self, task: str, part: Any, seed: int) -> AnnData:
        held = np.ones(int(1.6e9) // 8)
        time.sleep(60)
        return AnnData(held)


class Slow(Center):
    def solve(self, task: str, part: Any, seed: int) -> AnnData:
        time.sleep(60)
        raise AssertionError("it was not stopped")


class Misshapen(Center):
    def solve(self, task: str, part: Any, seed: int) -> AnnData:
        return AnnData(obs=pd.DataFrame(index=["nobody"]))
