"""What calls cost: a price list by tiers, built in or your own.

A list of your own is a JSON file: `{"date": "2026-11-01", "source": "our contract", "tiers": [{"up_to": 1000000,
"usd": 0.001}, {"usd": 0.0008}]}`, with `image_properties` beside `tiers` if that feature is asked for. `up_to` counts the
calls of a month.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from botocore.exceptions import ProfileNotFound
from botocore.session import get_session
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tasks.contracts.errors import UsageError
from tasks.contracts.settings import AnalysisSettings

LISTED_REGIONS = ("us-east-1", "us-east-2", "us-west-2", "eu-west-1")
"""Regions that share the list built in; elsewhere a call costs more."""

ELSEWHERE = Decimal("1.3")
"""What the list is multiplied by in other regions: an estimate on the safe side, not a list price."""


class Tier(BaseModel):
    """The price of a call, up to and with call number `up_to` of the month; None: from there on without end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    up_to: int | None = Field(None, gt=0)
    usd: Decimal = Field(ge=0, allow_inf_nan=False)


class PriceList(BaseModel):
    """Prices with their date and source. All operations count towards the same tiers; image properties have their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: str
    source: str
    tiers: tuple[Tier, ...] = Field(min_length=1)
    image_properties: tuple[Tier, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> "PriceList":
        for tiers in (self.tiers, self.image_properties):
            ends = [tier.up_to for tier in tiers]
            bounded = [end for end in ends if end is not None]
            if ends and (ends[-1] is not None or len(bounded) != len(ends) - 1 or bounded != sorted(set(bounded))):
                raise ValueError("tiers go up by up_to, and only the last one has none")
        return self

    def cost(self, calls: Mapping[str, int], already_this_month: int = 0) -> Decimal:
        """USD for so many calls by operation, after those that the account has already made this month."""
        total = _through(self.tiers, already_this_month, sum(calls.values()))
        return total + _through(self.image_properties, already_this_month, calls.get("detect_labels", 0))


BUILT_IN = PriceList(
    date="2026-10",
    source="Amazon Rekognition pricing, Image APIs of group 2, US East; compare with aws.amazon.com/rekognition/pricing",
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
"""The list price. Free tier left out; later tiers of image properties left out, which errs on the safe side."""


def prices_for(settings: AnalysisSettings, region: str | None = None) -> PriceList | None:
    """The prices that hold for a run in the region, by default the one that boto3 finds; None where calls cost nothing.

    UsageError if the file is no price list.
    """
    if settings.analyzer != "rekognition":
        return None
    prices = read_price_list(settings.price_list) if settings.price_list else _built_in(region or _usual_region())
    return prices if settings.image_properties else prices.model_copy(update={"image_properties": ()})


def read_price_list(path: str) -> PriceList:
    """A price list from a JSON file; UsageError with one sentence if it is none."""
    try:
        return PriceList.model_validate_json(Path(path).expanduser().read_bytes())
    except OSError as error:
        raise UsageError(f"The price list {path!r} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"The price list {path!r} is not valid{f' at {where}' if where else ''}: {first['msg']}."
        ) from None


def _usual_region() -> str | None:
    try:
        region: str | None = get_session().get_config_variable("region")
    except ProfileNotFound:  # said where the client is made
        return None
    return region


def _built_in(region: str | None) -> PriceList:
    if region is None or region in LISTED_REGIONS:
        return BUILT_IN
    return PriceList(
        date=BUILT_IN.date,
        source=f"{BUILT_IN.source}; {ELSEWHERE - 1:.0%} added as an estimate for {region}",
        tiers=_raised(BUILT_IN.tiers),
        image_properties=_raised(BUILT_IN.image_properties),
    )


def _raised(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    return tuple(Tier(up_to=tier.up_to, usd=tier.usd * ELSEWHERE) for tier in tiers)


def _through(tiers: tuple[Tier, ...], already: int, calls: int) -> Decimal:
    """USD for the calls number `already` + 1 to `already` + `calls` of the month."""
    total, start, end = Decimal(0), already, already + calls
    for tier in tiers:
        here = max(0, (end if tier.up_to is None else min(end, tier.up_to)) - start)
        total += here * tier.usd
        start += here
    return total
