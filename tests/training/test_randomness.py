"""Repeatable numbers, and a process left as it was found."""

from __future__ import annotations

import pytest
import torch

from napari_spatialrecon.training.randomness import repeatable, seed_step


def drawn(seed: int, step: int, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What a step draws from its generator and from the global one."""
    generator = torch.Generator()
    with repeatable(torch.device("cpu")):
        seed_step(seed, step, rank, generator)
        return torch.rand(4, generator=generator), torch.rand(4)


def test_a_step_draws_the_same_whatever_came_before():
    first = drawn(1, 2, 0)
    drawn(1, 1, 0)
    assert all(torch.equal(a, b) for a, b in zip(first, drawn(1, 2, 0), strict=True))


@pytest.mark.parametrize("other", [(2, 2, 0), (1, 3, 0), (1, 2, 1)])
def test_another_seed_step_or_process_draws_otherwise(other):
    assert not any(torch.equal(a, b) for a, b in zip(drawn(1, 2, 0), drawn(*other), strict=True))


def test_the_generator_and_dropout_draw_apart():
    own, shared = drawn(1, 2, 0)
    assert not torch.equal(own, shared)


def test_the_process_is_left_as_it_was_found_even_after_an_error():
    state = torch.get_rng_state()
    filling = torch.utils.deterministic.fill_uninitialized_memory
    with pytest.raises(RuntimeError), repeatable(torch.device("cpu")):
        torch.rand(3)
        assert torch.are_deterministic_algorithms_enabled()
        raise RuntimeError
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory == filling
