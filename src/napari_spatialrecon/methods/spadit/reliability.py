"""Predicted accuracy of a gene's map, without knowing the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from napari_spatialrecon.methods.genes.base import Values
from napari_spatialrecon.methods.genes.scale import standardised
from napari_spatialrecon.methods.spadit.bases import Relations
from napari_spatialrecon.methods.spadit.stack import agreement

Array = NDArray[np.float64]
#: Minimum number of validated genes to predict more than their mean.
_LEAST = 20
#: Number of bins of the diagram.
_BINS = 5


def signs(maps: Values, stack: Values, cells: Values, relations: Relations) -> Array:
    """Return predictors of the accuracy of each gene, (n_genes, 6).

    Agreement of the linear maps; strength of their weighted sum; its correlation with its own mean
    over neighbours; the largest correlation with a shared gene in the reference; the logarithms of
    the mean and of the share of cells that express the gene.

    Parameters
    ----------
    maps : (maps, n_spots, n_genes)
        Z-scores; the second half are means over neighbours.
    stack : (n_spots, n_genes)
    cells : (n_cells, n_genes)
        The genes in the reference.
    """
    smooth = standardised(relations.graph @ stack)
    own = standardised(cells)
    related = np.abs(relations.scores.T @ own / len(own))
    related[related > 1 - 1e-6] = 0  # a shared gene's correlation with itself
    return np.column_stack(
        [
            agreement(maps),
            stack.std(axis=0),
            (smooth * standardised(stack)).mean(axis=0),
            related.max(axis=0),
            np.log(cells.mean(axis=0) + 1e-4),
            np.log((cells > 0).mean(axis=0) + 1e-4),
        ]
    ).astype(float)


@dataclass(frozen=True)
class Reliability:
    """Predicts a gene's correlation with the truth.

    Parameters
    ----------
    model
        None if too few genes were held out: their mean is then predicted.
    mean
        Mean correlation of the held-out genes.
    predicted, found : (n_genes,)
        Correlation of held-out genes: predicted without the gene itself, and observed.
    """

    model: Pipeline | None
    mean: float
    predicted: Array
    found: Array

    @classmethod
    def fit(cls, features: Array, found: Array, seed: int) -> Reliability:
        """Fit to predictors of held-out genes, (n_genes, d), and their observed correlations."""
        model, predicted = None, np.full(len(found), found.mean())
        if len(found) >= _LEAST:
            model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 3, 9)))
            folds = KFold(5, shuffle=True, random_state=seed)
            predicted = cross_val_predict(model, features, found, cv=folds)
            model.fit(features, found)
        return cls(model, float(found.mean()), predicted, found)

    def predict(self, features: Array) -> Array:
        """Return the expected correlation of each gene, limited to the range of held-out genes.

        Otherwise a gene with higher predictors than all of them would be expected to be perfect.
        """
        if self.model is None:
            return np.full(len(features), self.mean)
        return np.clip(self.model.predict(features), self.found.min(), self.found.max())

    def report(self) -> dict[str, Any]:
        """Return the diagram for the record of the run: bins, their error, and genes."""
        order = np.argsort(self.predicted, kind="stable")
        groups = [g for g in np.array_split(order, _BINS) if len(g)]
        bins = [
            {
                "predicted": float(self.predicted[g].mean()),
                "found": float(self.found[g].mean()),
                "genes": len(g),
            }
            for g in groups
        ]
        off = sum(abs(b["predicted"] - b["found"]) * b["genes"] for b in bins)
        return {
            "bins": bins,
            "error": off / len(self.found),
            "predicted": self.predicted.tolist(),
            "found": self.found.tolist(),
        }
