"""Networks that correct the linear maps: training and evaluation on held-out genes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_spatialrecon.methods.genes.base import Values
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.spadit.bases import Relations
from napari_spatialrecon.methods.spadit.config import SpaDiTConfig
from napari_spatialrecon.methods.spadit.correction import Corrections, Groups
from napari_spatialrecon.methods.spadit.network import Network, place_features
from napari_spatialrecon.methods.spadit.stack import correlations
from napari_spatialrecon.methods.spadit.task import Examples, GeneTask
from napari_spatialrecon.training.history import History

#: Candidate shares of the correction; the smallest one within a thousandth of the best is used.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_CLEARLY = 1e-3
#: Maximum training entries (spots × shared genes); further spots are excluded.
_ENTRIES = 8_000_000


@dataclass(frozen=True)
class Split:
    """Shared genes for training, model selection and evaluation of one network."""

    seen: NDArray[np.intp]
    chosen: NDArray[np.intp] | None
    judged: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Corrected:
    """Networks, and their performance on held-out genes.

    Parameters
    ----------
    maps : (n_spots, n_genes)
        Corrected maps of all shared genes.
    judged
        Genes among them that no network was trained on.
    report
        What the network added on held-out genes, for the record of the run.
    note
        Summary of the above for the user.
    """

    corrections: Corrections
    maps: Values
    judged: NDArray[np.intp]
    history: tuple[History, ...]
    report: dict[str, Any]
    note: str


def train_corrections(
    relations: Relations,
    config: SpaDiTConfig,
    run: Run,
    held: Values,
    truth: Values,
    stack: Values,
    parts: list[NDArray[np.intp]],
) -> Corrected:
    """Train networks on the residuals of linear maps, and choose the share to use.

    Parameters
    ----------
    held : (maps, n_spots, n_genes)
        Out-of-fold linear maps of each shared gene.
    truth, stack : (n_spots, n_genes)
    parts
        Folds of the genes: a network is not trained on its own fold.
    """
    residual = truth - stack
    device = torch.device(run.device)
    untrained = Corrections(
        config,
        run.seed,
        device,
        Groups.of(relations, config, run.seed),
        place_features(torch.from_numpy(relations.inputs.places).to(device)),
        float(residual.std()) or 1.0,
    )
    maps = held if config.bases.on else held[:0]
    examples = _examples(untrained, relations, maps, residual)
    splits = _splits(config, run.seed, truth.shape[1], parts)
    networks, history, guess = [], [], np.zeros_like(stack)
    for number, split in enumerate(splits):
        stage = f"Training network {number + 1} of {len(splits)}"
        network, trained = _trained(untrained, examples, split, number, run, stage)
        guess[:, split.judged] = _output(untrained, network, split.judged, maps, relations, run)
        networks.append(network)
        history.append(trained)
    judged = np.sort(np.concatenate([split.judged for split in splits]))
    share, report = _best_share(config, guess[:, judged], truth[:, judged], stack[:, judged])
    return Corrected(
        replace(untrained, networks=tuple(networks), share=share),
        stack + share * guess,
        judged,
        tuple(history),
        report,
        _note(config, share, report),
    )


def _output(
    untrained: Corrections,
    network: Network,
    genes: NDArray[np.intp],
    maps: Values,
    relations: Relations,
    run: Run,
) -> Values:
    """Return what a network adds to genes that it was not trained on, read as the output is."""
    own = replace(untrained, networks=(network,))
    if own.config.diffusion.output == "mean":
        return own.mean_branch(network, maps[:, :, genes], relations.cells[:, genes], run.reporter)
    names = [relations.inputs.genes[i] for i in genes]
    drawn = own.correction(names, maps[:, :, genes], relations.cells[:, genes], run.reporter)
    return drawn[0]


def _examples(
    untrained: Corrections, relations: Relations, maps: Values, residual: Values
) -> Examples:
    """Return the training examples of the networks, limited to as many spots as fit in memory."""
    config, slide = untrained.config, relations.inputs.slide
    most = max(_ENTRIES // residual.shape[1], config.spots_per_step)
    order = np.random.default_rng([untrained.seed, 11]).permutation(residual.shape[0])
    rows = np.sort(order[:most])
    zero = slide <= slide.min(axis=0)
    return Examples(
        untrained.tensor(residual[rows].T / untrained.size),
        torch.from_numpy(np.ascontiguousarray(zero[rows].T)).to(untrained.device),
        untrained.tensor(maps[:, rows].transpose(2, 1, 0)),
        untrained.places[torch.from_numpy(rows).to(untrained.device)],
        untrained.tensor(untrained.groups.of_genes(relations.cells)),
    )


def _splits(config: SpaDiTConfig, seed: int, n: int, parts: list[NDArray[np.intp]]) -> list[Split]:
    """Return the gene split for each network."""
    everything = np.arange(n)
    if config.networks > 1:
        some = parts[: config.networks]
        return [Split(np.setdiff1d(everything, part), None, part) for part in some]
    order = np.random.default_rng([seed, 13]).permutation(n)
    seen, chosen, judged = np.split(order, [round(0.7 * n), round(0.9 * n)])
    chooses = chosen if len(chosen) else None
    return [Split(seen, chooses, judged if len(judged) else chosen)]


def _trained(
    untrained: Corrections, examples: Examples, split: Split, number: int, run: Run, stage: str
) -> tuple[Network, History]:
    config = untrained.config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed + 1000 * number)
        profile = torch.from_numpy(untrained.groups.profile)
        network = Network(examples.maps.shape[2], profile, config.network).to(untrained.device)
    picked = None if split.chosen is None else examples.of(torch.from_numpy(split.chosen))
    task = GeneTask(network, examples.of(torch.from_numpy(split.seen)), config, picked)
    looks = -(-config.looks * len(split.seen) // config.genes_per_step)
    loop = replace(config.training, steps=min(config.training.steps, looks))
    return network, run.unsaved().seeded(run.seed + number).train(task, loop, stage)


def _best_share(
    config: SpaDiTConfig, guess: Values, truth: Values, stack: Values
) -> tuple[float, dict[str, Any]]:
    """Return the share of the correction to use, and the held-out score of each candidate."""
    shares = SHARES if config.bases.on else (1.0,)
    reached = [float(correlations(stack + s * guess, truth).mean()) for s in shares]
    best = next(i for i, pcc in enumerate(reached) if pcc >= max(reached) - _CLEARLY)
    added = reached[best] - reached[0]
    return shares[best], {
        "network_share": shares[best],
        "network_added_pcc": added if config.bases.on else float("nan"),
        "held_out_by_share": dict(zip(map(str, shares), reached, strict=True)),
    }


def _note(config: SpaDiTConfig, share: float, report: dict[str, Any]) -> str:
    if not config.bases.on:
        return "Only the network is used, without linear maps."
    if share == 0:
        return "On held-out genes the network added nothing: only the linear maps are used."
    start = report["held_out_by_share"][str(SHARES[0])]
    return (
        f"On held-out genes the network added {report['network_added_pcc']:.3f} to a mean "
        f"correlation of {start:.3f}; {share:.0%} of its correction is used."
    )
