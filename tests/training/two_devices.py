"""Train on two processes, straight and stopped in between; run by test_loop.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from lightning_fabric import Fabric
from test_loop import Fit, run, same, stop_after, weights


def work(fabric: Fabric, folder: Path) -> None:
    torch.set_num_threads(1)
    straight, stopped, resumed = Fit(), Fit(), Fit(seed=5)
    run(straight, fabric=fabric)
    run(stopped, fabric=fabric, folder=folder / "run", reporter=stop_after(7))
    fabric.barrier()
    run(resumed, fabric=fabric, folder=folder / "run", resume=True)
    found = {
        "resumed_is_straight": same(weights(resumed), weights(straight)),
        "weight": straight.module[0].weight.tolist(),
    }
    (folder / f"{fabric.global_rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    Fabric(accelerator="cpu", devices=2, strategy="ddp_fork").launch(work, Path(sys.argv[1]))
