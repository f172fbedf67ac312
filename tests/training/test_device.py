"""The choice of a device and of threads."""

from __future__ import annotations

import joblib
import pytest
import torch

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.training.device import assign_device, choose_device, limit_threads


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that this computer has that many NVIDIA GPUs, and no Apple one."""

    def pretend(count: int) -> None:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    return pretend


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("count", "name", "expected"),
    [
        (0, "auto", "cpu"),
        (2, "auto", "cuda:0"),
        (2, "cpu", "cpu"),
        (2, "cuda", "cuda:0"),
        (2, "cuda:1", "cuda:1"),
    ],
)
def test_a_word_names_a_device(gpus, count, name, expected):
    gpus(count)
    assert str(choose_device(name)) == expected


@pytest.mark.parametrize(
    ("count", "name", "message"),
    [
        (0, "cuda", "found no NVIDIA GPU that this PyTorch can use. Try cpu or auto."),
        (1, "cuda:1", "found 1 GPU that this PyTorch can use. Try cuda:0."),
        (2, "cuda:7", "found 2 GPUs that this PyTorch can use. Try cuda:1."),
        (0, "mps", "Expected an Apple GPU, found none."),
        (1, "gpu", "Expected auto, cpu, cuda, cuda:N or mps; found 'gpu'."),
        (1, "cuda:-1", "found 'cuda:-1'"),
        (1, "cuda:", "found 'cuda:'"),
        (1, "", "found ''"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_a_remedy(gpus, count, name, message):
    gpus(count)
    with pytest.raises(InputError) as caught:
        choose_device(name)
    assert message in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (16, 15)])
def test_one_core_is_left_to_the_window(monkeypatch, threads, cores, expected):
    monkeypatch.setattr(joblib, "cpu_count", lambda: cores)
    assert limit_threads() == expected
    assert torch.get_num_threads() == expected


def test_the_number_of_threads_can_be_asked_for(threads):
    assert limit_threads(3) == 3
    assert torch.get_num_threads() == 3


def test_less_than_one_thread_is_refused():
    with pytest.raises(InputError, match="at least 1 thread"):
        limit_threads(0)


def test_one_of_several_processes_uses_its_own_device_alone(gpus):
    gpus(2)
    assign_device(torch.device("cuda", 1))
    try:
        assert choose_device("auto") == choose_device("cuda") == torch.device("cuda", 1)
        assert choose_device("cpu") == torch.device("cpu")
    finally:
        assign_device(None)
    assert choose_device("auto") == torch.device("cuda", 0)
