"""Prices: tiers add up, files are checked, date and source come along."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.errors import UsageError
from tasks.contracts.prices import BUILT_IN, PriceList, prices_for
from tasks.contracts.settings import AnalysisSettings

TIERS = [{"up_to": 10, "usd": "1"}, {"up_to": 30, "usd": "0.5"}, {"usd": "0.1"}]


@pytest.fixture(autouse=True)
def no_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own AWS settings."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def own(tmp_path: Path, **changes: object) -> AnalysisSettings:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"date": "2026-11-01", "source": "contract", "tiers": TIERS} | changes))
    return AnalysisSettings(analyzer="rekognition", price_list=str(path))


def test_the_list_price_of_the_first_tier() -> None:
    prices = prices_for(AnalysisSettings(analyzer="rekognition"))
    assert prices is not None
    assert prices.cost({"detect_labels": 3000, "detect_text": 3000, "recognize_celebrities": 3000}) == 9
    assert prices.date
    assert "Amazon Rekognition" in prices.source


def test_the_local_analyzer_costs_nothing() -> None:
    assert prices_for(AnalysisSettings(analyzer="local", price_list="no such file")) is None


def test_tiers_count_all_operations_of_the_month(tmp_path: Path) -> None:
    prices = prices_for(own(tmp_path))
    assert prices is not None
    assert prices.cost({"detect_labels": 5, "detect_text": 15}) == 10 + 10 * Decimal("0.5")
    assert prices.cost({"detect_labels": 5}, already_this_month=28) == 2 * Decimal("0.5") + 3 * Decimal("0.1")


def test_image_properties_are_billed_on_top_only_where_asked_for() -> None:
    asked = prices_for(AnalysisSettings(analyzer="rekognition", image_properties=True))
    bare = prices_for(AnalysisSettings(analyzer="rekognition"))
    assert asked is not None
    assert bare is not None
    calls = {"detect_labels": 1000, "detect_text": 1000}
    assert asked.cost(calls) - bare.cost(calls) == Decimal("0.75")


@pytest.mark.parametrize("by_environment", [False, True])
def test_other_regions_are_estimated_on_the_safe_side_and_say_so(
    by_environment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_environment:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    prices = prices_for(AnalysisSettings(analyzer="rekognition"), None if by_environment else "eu-central-1")
    assert prices is not None
    assert prices.cost({"detect_text": 1000}) == Decimal("1.3")
    assert "30% added as an estimate for eu-central-1" in prices.source


@given(st.integers(0, 10**8), st.integers(0, 10**8), st.integers(0, 10**8))
def test_cost_does_not_depend_on_how_calls_are_divided(already: int, first: int, second: int) -> None:
    together = BUILT_IN.cost({"detect_text": first + second}, already)
    apart = BUILT_IN.cost({"detect_text": first}, already) + BUILT_IN.cost({"detect_faces": second}, already + first)
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
def test_a_file_that_is_no_price_list_is_refused(tmp_path: Path, changes: dict[str, object], says: str) -> None:
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
