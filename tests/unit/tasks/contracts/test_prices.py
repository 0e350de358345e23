"""Prices: tiers add up, files are checked, date and source come along."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.prices import BUILT_IN, PriceList, prices_for
from image_tags.tasks.contracts.settings import AnalysisSettings

TIERS = [{"up_to": 10, "usd": "1"}, {"up_to": 30, "usd": "0.5"}, {"usd": "0.1"}]


def own(tmp_path: Path, **changes: object) -> AnalysisSettings:
    path = tmp_path / "prices.json"
    path.write_text(
        json.dumps({"date": "2026-11-01", "source": "contract", "tiers": TIERS} | changes)
    )
    return AnalysisSettings(analyzer="rekognition", price_list=str(path))


def test_the_list_price_of_the_first_tier() -> None:
    prices = prices_for(AnalysisSettings(analyzer="rekognition"))
    assert prices is not None
    assert (
        prices.cost({"detect_labels": 3000, "detect_text": 3000, "recognize_celebrities": 3000})
        == 9
    )
    assert prices.date
    assert "Amazon Rekognition" in prices.source
    assert "other regions can cost more" in prices.source


def test_the_local_analyzer_costs_nothing() -> None:
    assert prices_for(AnalysisSettings(analyzer="local", price_list="no such file")) is None


def test_tiers_count_all_operations_of_the_month(tmp_path: Path) -> None:
    prices = prices_for(own(tmp_path))
    assert prices is not None
    assert prices.cost({"detect_labels": 5, "detect_text": 15}) == 10 + 10 * Decimal("0.5")
    assert prices.cost({"detect_labels": 5}, already_this_month=28) == 2 * Decimal(
        "0.5"
    ) + 3 * Decimal("0.1")


def test_image_properties_are_billed_on_top_only_where_asked_for() -> None:
    asked = prices_for(AnalysisSettings(analyzer="rekognition", image_properties=True))
    bare = prices_for(AnalysisSettings(analyzer="rekognition"))
    assert asked is not None
    assert bare is not None
    calls = {"detect_labels": 1000, "detect_text": 1000}
    assert asked.cost(calls) - bare.cost(calls) == Decimal("0.75")


@given(st.integers(0, 10**8), st.integers(0, 10**8), st.integers(0, 10**8))
def test_cost_does_not_depend_on_how_calls_are_divided(
    already: int, first: int, second: int
) -> None:
    together = BUILT_IN.cost({"detect_text": first + second}, already)
    apart = BUILT_IN.cost({"detect_text": first}, already) + BUILT_IN.cost(
        {"detect_faces": second}, already + first
    )
    assert together == apart
    assert BUILT_IN.cost({"detect_text": first}, already) <= first * BUILT_IN.tiers[0].usd


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tiers": []}, "tiers"),
        ({"tiers": [{"up_to": 10, "usd": 1}]}, "only the last one"),
        ({"tiers": [{"usd": 1}, {"usd": 2}]}, "only the last one"),
        ({"tiers": [{"up_to": 10, "usd": 1}, {"up_to": 5, "usd": 1}, {"usd": 1}]}, "go up"),
        ({"tiers": [{"usd": -1}]}, "tiers.0.usd"),
        ({"tiers": [{"usd": "NaN"}]}, "tiers.0.usd"),
        ({"currency": "EUR"}, "currency"),
        ({"date": None}, "date"),
    ],
)
def test_a_file_that_is_no_price_list_is_refused(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        prices_for(own(tmp_path, **changes))


def test_a_file_that_is_not_there_or_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        prices_for(AnalysisSettings(analyzer="rekognition", price_list=str(path)))
    path.write_text("{")
    with pytest.raises(UsageError, match="not valid"):
        prices_for(AnalysisSettings(analyzer="rekognition", price_list=str(path)))


def test_a_list_survives_its_own_json() -> None:
    assert PriceList.model_validate_json(BUILT_IN.model_dump_json()) == BUILT_IN
