"""What calls cost: a price list by tiers, built in or your own.

A list of your own is a JSON file: `{"date": "2026-11-01", "source": "our contract", "tiers":
[{"up_to": 1000000, "usd": 0.001}, {"usd": 0.0008}]}`, with `image_properties` next to `tiers` if
that feature is asked for. `up_to` counts the calls of a month.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import AnalysisSettings


class Tier(BaseModel):
    """The price per call, up to and including call `up_to` of the month; None for the last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    up_to: int | None = Field(None, gt=0)
    usd: Decimal = Field(ge=0, allow_inf_nan=False)


class PriceList(BaseModel):
    """Prices with their date and source.

    All operations count towards the same tiers; image properties have their own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: str
    source: str
    tiers: tuple[Tier, ...] = Field(min_length=1)
    image_properties: tuple[Tier, ...] = ()

    @model_validator(mode="after")
    def _check_order(self) -> "PriceList":
        for tiers in (self.tiers, self.image_properties):
            ends = [tier.up_to for tier in tiers]
            bounded = [end for end in ends if end is not None]
            if ends and (
                ends[-1] is not None
                or len(bounded) != len(ends) - 1
                or bounded != sorted(set(bounded))
            ):
                raise ValueError("tiers go up by up_to, and only the last one has none")
        return self

    def cost(self, calls: Mapping[str, int], already_this_month: int = 0) -> Decimal:
        """USD for calls by operation, in addition to the account's earlier calls of the month."""
        total = _price_calls(self.tiers, already_this_month, sum(calls.values()))
        return total + _price_calls(
            self.image_properties, already_this_month, calls.get("detect_labels", 0)
        )


BUILT_IN = PriceList(
    date="2026-10",
    source="Amazon Rekognition pricing, Image APIs of group 2, US East; "
    "other regions can cost more: see --price-list",
    tiers=(
        Tier(up_to=1_000_000, usd=Decimal("0.001")),
        Tier(up_to=5_000_000, usd=Decimal("0.0008")),
        Tier(up_to=35_000_000, usd=Decimal("0.0006")),
        Tier(usd=Decimal("0.00025")),
    ),
    image_properties=(
        Tier(up_to=1_000_000, usd=Decimal("0.00075")),
        Tier(usd=Decimal("0.0006")),
    ),
)
"""The list price, without the free tier and the later tiers of image properties: an upper bound."""


def prices_for(settings: AnalysisSettings) -> PriceList | None:
    """The prices of a run; None if its calls cost nothing. UsageError for an invalid file."""
    if settings.analyzer != "rekognition":
        return None
    prices = read_price_list(settings.price_list) if settings.price_list else BUILT_IN
    return (
        prices if settings.image_properties else prices.model_copy(update={"image_properties": ()})
    )


def read_price_list(path: str) -> PriceList:
    """A price list from a JSON file; UsageError with one sentence if it is not valid."""
    try:
        return PriceList.model_validate_json(Path(path).expanduser().read_bytes())
    except OSError as error:
        raise UsageError(f"The price list {path!r} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"The price list {path!r} is not valid{where and f' at {where}'}: {first['msg']}."
        ) from None


def _price_calls(tiers: tuple[Tier, ...], already: int, calls: int) -> Decimal:
    """USD for the calls `already` + 1 to `already` + `calls` of the month."""
    total, start, end = Decimal(0), already, already + calls
    for tier in tiers:
        here = max(0, (end if tier.up_to is None else min(end, tier.up_to)) - start)
        total += here * tier.usd
        start += here
    return total
