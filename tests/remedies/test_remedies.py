"""Each remedy is followed on the input that it was given for."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from remedies.advice import ADVICE
from remedies.cases import CASES, Case
from remedies.source import remedies

for _path in sorted(Path(__file__).parent.glob("of_*.py")):
    importlib.import_module(f"remedies.{_path.stem}")


@pytest.mark.parametrize("case", list(CASES.values()), ids=str)
def test_a_remedy_can_be_followed(case: Case, request: pytest.FixtureRequest) -> None:
    case.follow(request)


def test_every_remedy_has_a_case() -> None:
    lacking = [f"{r.file}:{r.line}: {r.text}" for r in remedies() if r.key not in {*CASES, *ADVICE}]
    assert not lacking, "\n".join(["Write a case in tests/remedies/of_*.py for:", *lacking])


def test_no_case_outlives_its_remedy() -> None:
    known = {remedy.key for remedy in remedies()}
    stale = [f"{file}: {text}" for file, text in (*CASES, *ADVICE) if (file, text) not in known]
    assert not stale, "\n".join(["Remove or mend the cases of:", *stale])
    assert not {*CASES} & {*ADVICE}


def test_what_is_only_advice_says_why() -> None:
    assert len(ADVICE) <= 40 and all(len(reason) > 15 for reason in ADVICE.values())
