"""Processes that train one network together, on several devices or machines.

Each is a whole run: it reads the inputs, trains in step with the others and places. In a step each
draws its own part of a larger batch, and all move by the mean of their gradients, as distributed
data-parallel training does; a network may thus be called as often as its loss likes. Lightning
Fabric starts the processes (or finds those that Slurm or torchrun started) and connects them.
"""

from __future__ import annotations

import logging
import os

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import nn

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.training.device import assign_device, choose_device

_team: Fabric | None = None


def team() -> Fabric | None:
    """Return the processes of which this is one; None if it trains alone."""
    return _team


def join(devices: int, nodes: int = 1, device: str = "auto") -> Fabric:
    """Start the other processes, or join those that started this one, and train with them.

    Parameters
    ----------
    devices
        Processes on each machine: one for each GPU, or for each core.
    nodes
        Machines.
    device
        Kind of device, as `choose_device` takes it.

    Raises
    ------
    InputError
        This machine has fewer devices, one device is named, or other machines do not know this
        one.
    """
    global _team
    chosen = choose_device(device)
    _check(devices, nodes, chosen, device)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # its banner
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator=chosen.type, devices=devices, num_nodes=nodes, strategy="ddp", precision=32
    )
    fabric.launch()
    _team = fabric
    assign_device(fabric.device)
    return fabric


def leave() -> None:
    """Train alone again."""
    global _team
    _team = None
    assign_device(None)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _check(devices: int, nodes: int, chosen: torch.device, name: str) -> None:
    if devices < 1 or nodes < 1:
        raise InputError(
            f"Expected at least 1 device and 1 machine, found {devices} and {nodes}.",
            remedy=f"Try {argument('devices' if devices < 1 else 'nodes', 1)}.",
        )
    if ":" in name:
        raise InputError(
            f"Expected a kind of device for several processes, found {name!r}.",
            remedy=f"Try {argument('device', chosen.type)}.",
        )
    there = torch.cuda.device_count() if chosen.type == "cuda" else _cores()
    if chosen.type == "mps" or devices > there:
        there = 1 if chosen.type == "mps" else there
        what = {"cuda": "GPUs", "mps": "Apple GPUs"}.get(chosen.type, "cores")
        raise InputError(
            f"Expected at most {there} devices, as this machine has {what}, found {devices}.",
            remedy=f"Try {argument('devices', there)}.",
        )
    alone = isinstance(_environment(), LightningEnvironment)
    if nodes > 1 and alone and "MASTER_ADDR" not in os.environ:
        raise InputError(
            f"Expected a way to {nodes} machines, found none.",
            remedy="Try the command by srun in a job of Slurm, by torchrun on each machine, or "
            "with MASTER_ADDR, MASTER_PORT and NODE_RANK set on each.",
        )


def _environment() -> object:
    from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    for kind in (TorchElasticEnvironment, SLURMEnvironment):
        if kind.detect():
            return kind()
    return LightningEnvironment()


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def share_weights(module: nn.Module) -> None:
    """Give every process the weights of the first."""
    for tensor in module.state_dict().values():
        torch.distributed.broadcast(tensor, 0)


def share_gradients(fabric: Fabric, module: nn.Module) -> None:
    """Replace gradients, and running statistics such as those of a batch, by their means.

    A gradient that no process has stays None, so that the optimizer leaves its weights alone; where
    only some have one, that of the others counts as zero.
    """
    trained = [p for p in module.parameters() if p.requires_grad]
    running = [b for b in module.buffers() if b.is_floating_point()]
    here = [float(p.grad is not None) for p in trained]
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained] + running
    has = torch.tensor(here, device=fabric.device)
    flat = torch.cat([has, *(part.reshape(-1).float() for part in parts)])
    torch.distributed.all_reduce(flat)
    flat /= fabric.world_size
    shares, means = flat[: len(here)].tolist(), flat[len(here) :].split([p.numel() for p in parts])
    for parameter, mean, share in zip(trained, means, shares, strict=False):
        if share:
            parameter.grad = mean.view_as(parameter).to(parameter.dtype)
    for buffer, mean in zip(running, means[len(trained) :], strict=True):
        buffer.copy_(mean.view_as(buffer))
