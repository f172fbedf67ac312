from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_spatialrecon.tasks.placement_trust import belonging, diagnostics


def placed(**columns: Any) -> AnnData:
    """200 cells."""
    obs = pd.DataFrame(columns, index=map(str, range(200)))
    return AnnData(np.ones((200, 3), np.float32), obs=obs)


def test_nothing_is_said_of_what_a_method_did_not_write() -> None:
    assert diagnostics(placed()) == []


@pytest.mark.parametrize(
    ("n", "tone"), [(0, "good"), (1, "warning"), (30, "warning"), (150, "wrong")]
)
def test_flagged_cells_are_counted_in_a_sentence(n: int, tone: str) -> None:
    ((found, text),) = diagnostics(placed(out_of_domain=np.arange(200) < n))
    assert found == tone
    assert text.startswith("Every cell" if n == 0 else f"{n:,} cell{'s' * (n > 1)} (")


def test_numbers_are_judged_and_told_in_words() -> None:
    adata = placed()
    numbers = {"patch_disagreement": 0.3, "solve_stress": 0.1, "residual_spread": 0.8}
    adata.uns["spatialrecon"] = {"diagnostics": numbers}
    lines = diagnostics(adata)
    assert [tone for tone, _ in lines] == ["warning", "good", "wrong"]
    assert "factor of 1.35" in lines[0][1] and "10%" in lines[1][1] and "80%" in lines[2][1]


def test_what_moving_cannot_mend_is_a_line_each() -> None:
    few = placed(out_of_domain=np.arange(200) < 30)
    assert [text for _, text in belonging(few)] == [
        "30 cells (15%) are unlike anything in the reference."
    ]
    assert belonging(placed(out_of_domain=np.zeros(200, bool))) == belonging(placed()) == []
    many = AnnData(np.ones((500, 3), np.float32), obs=pd.DataFrame(index=map(str, range(500))))
    said = {"settings": {"spatial_signal": {"C2": {"p_value": 0.6, "spots": 300}}}}
    many.uns["spatialrecon"] = {
        "diagnostics": {"resemblance": 0.6, "regional_imbalance": 0.3},
        "provenance": json.dumps(said),
    }
    words = " ".join(text for _, text in belonging(many))
    for expected in (
        "another tissue",
        "part of the tissue may be missing",
        "no pattern in space on C2",
    ):
        assert expected in words
