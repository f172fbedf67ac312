"""Gradient reversal and its ramp."""

from __future__ import annotations

import pytest
import torch

from napari_spatialrecon.nn.gradient_reversal import ramp, reverse_gradient


def test_values_pass_and_gradients_are_turned_and_scaled():
    x = torch.randn(3, 4, requires_grad=True)
    out = reverse_gradient(x, 0.3)
    assert torch.equal(out, x)
    (out**2).sum().backward()
    torch.testing.assert_close(x.grad, -0.3 * 2 * x.detach())


def test_without_strength_nothing_comes_back():
    x = torch.randn(2, requires_grad=True)
    reverse_gradient(x, 0.0).sum().backward()
    assert torch.equal(x.grad, torch.zeros(2))


def test_a_classifier_learns_while_its_input_unlearns():
    """One descent step: better for the classifier's weight, worse for the feature."""
    x, w = (torch.tensor(v, requires_grad=True) for v in (1.0, 2.0))
    loss = (reverse_gradient(x, 1.0) * w - 5) ** 2
    loss.backward()
    with torch.no_grad():
        assert ((x * (w - 0.01 * w.grad)) - 5) ** 2 < loss
        assert (((x - 0.01 * x.grad) * w) - 5) ** 2 > loss


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0), (50, 0), (51, 0.005), (150, 0.5), (250, 1), (2000, 1)]
)
def test_the_ramp_rises_over_200_steps_after_50(step, expected):
    assert ramp(step, after=50, over=200) == pytest.approx(expected)


def test_a_ramp_without_length_is_a_switch():
    assert [ramp(step, after=2, over=0) for step in (2, 3)] == [0, 1]
