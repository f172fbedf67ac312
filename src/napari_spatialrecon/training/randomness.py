"""Reproducibility: the same seed on the same machine gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Use deterministic algorithms within the block; restore the previous state afterwards.

    Otherwise the gradient of ``x[rows]`` differs in its last bits from run to run if PyTorch uses
    more than one thread. The global random state is restored too.
    """
    asked = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    filling = torch.utils.deterministic.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.utils.deterministic.fill_uninitialized_memory = False
            yield
        finally:
            torch.use_deterministic_algorithms(asked, warn_only=warn_only)
            torch.utils.deterministic.fill_uninitialized_memory = filling


def seed_step(seed: int, step: int, rank: int, generator: torch.Generator) -> None:
    """Seed `generator`, and separately the global generator that dropout uses.

    Parameters
    ----------
    step
        Step number; its randomness does not depend on earlier draws.
    rank
        Rank of the process in distributed training, else 0.
    """
    own, shared = np.random.SeedSequence([seed, step, rank]).generate_state(2, np.uint64).tolist()
    generator.manual_seed(own)
    torch.default_generator.manual_seed(shared)
    if generator.device.type == "cuda":
        torch.cuda.manual_seed(shared)
    elif generator.device.type == "mps":
        torch.mps.manual_seed(shared)
