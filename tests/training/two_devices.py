"""Train on two processes, straight and stopped in between; run by test_loop.py."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from lightning_fabric import Fabric
from test_loop import LONG, Fit, run, same, stop_after, weights


def work(fabric: Fabric, folder: Path) -> None:
    torch.set_num_threads(1)
    straight, stopped, resumed, long = Fit(), Fit(), Fit(seed=5), Fit()
    if fabric.global_rank:  # the first one's weights are those that count
        straight, stopped = Fit(seed=6), Fit(seed=7)
    run(straight, fabric=fabric)
    run(stopped, fabric=fabric, folder=folder / "run", reporter=stop_after(7))
    fabric.barrier()
    if fabric.is_global_zero:
        shutil.copytree(folder / "run", folder / "of two")
    run(resumed, fabric=fabric, folder=folder / "run", resume=True)
    run(long, LONG, fabric=fabric)
    found = {
        "resumed_is_straight": same(weights(resumed), weights(straight)),
        "weight": straight.module[0].weight.tolist(),
        "held_out": long.held_out()["held_out"],
    }
    (folder / f"{fabric.global_rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    Fabric(accelerator="cpu", devices=2, strategy="ddp_fork").launch(work, Path(sys.argv[1]))
