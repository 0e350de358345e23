"""What is to be asked, what was asked before, and what it costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from image_tags.tasks.adapters.analyzers.analyzer import Analyzer
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.contracts.errors import OverBudget
from image_tags.tasks.contracts.prices import PriceList
from image_tags.tasks.contracts.records import Failure, JsonObject, Picture


@dataclass(frozen=True)
class OperationPlan:
    """One operation's share: images, answers in the ledger, images it cannot take, calls left."""

    images: int
    reused: int
    refused: int
    calls: int
    cost_usd: float


@dataclass(frozen=True)
class Plan:
    """What the analysis will do.

    Attributes:
        images: distinct images.
        operations: by operation.
        cost_usd: of all calls left, at the price list.
        prices: the price list's date and source; empty for an analyzer that costs nothing.
    """

    images: int
    operations: dict[str, OperationPlan]
    cost_usd: float
    prices: JsonObject = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """All calls left."""
        return sum(share.calls for share in self.operations.values())

    def as_json(self) -> JsonObject:
        """For files, artifacts and the report."""
        return {**asdict(self), "calls": self.calls}


@dataclass(frozen=True)
class Division:
    """Images, divided for each operation into answered, refused without asking, and to be asked.

    Attributes:
        images: how many.
        answered: how many have an answer, by operation.
        refusals: which an operation cannot take.
        todo: which are to be asked, by operation.

    """

    images: int
    answered: dict[str, int]
    refusals: list[Failure]
    todo: dict[str, list[Picture]]


@dataclass(frozen=True)
class Work:
    """A plan with what it is made of: the calls to make, and the refusals known without asking."""

    plan: Plan
    todo: dict[str, list[Picture]]
    refusals: list[Failure]


def make_plan(
    pictures: Sequence[Picture],
    analyzer: Analyzer,
    ledgers: Mapping[str, Ledger],
    prices: PriceList | None,
) -> Work:
    """Divide each operation's images, and price the calls; `prices` is None where they are free."""
    for ledger in ledgers.values():
        ledger.look()
    division = divide_pictures(pictures, analyzer, ledgers)
    return Work(price_calls(division, prices), division.todo, division.refusals)


def divide_pictures(
    pictures: Sequence[Picture], analyzer: Analyzer, ledgers: Mapping[str, Ledger]
) -> Division:
    """Divide images by what the ledgers knew at their last look."""
    image_ids = [picture.image_id for picture in pictures]
    division = Division(len(pictures), {}, [], {})
    for operation, ledger in ledgers.items():
        had = ledger.find_known(image_ids)
        division.answered[operation] = len(had)
        division.todo[operation] = []
        for picture in pictures:
            if picture.image_id in had:
                continue
            if (why := analyzer.refusal(operation, picture)) is not None:
                refusal = Failure(picture.image_id, operation, why.reason, why.detail)
                division.refusals.append(refusal)
            else:
                division.todo[operation].append(picture)
    return division


def join_divisions(parts: Iterable[Division]) -> Division:
    """One division of all the images of several, which have none in common."""
    whole = Division(0, {}, [], {})
    images = 0
    for part in parts:
        images += part.images
        whole.refusals.extend(part.refusals)
        for operation, todo in part.todo.items():
            whole.todo.setdefault(operation, []).extend(todo)
            had = whole.answered.get(operation, 0)
            whole.answered[operation] = had + part.answered[operation]
    return Division(images, whole.answered, whole.refusals, whole.todo)


def price_calls(division: Division, prices: PriceList | None) -> Plan:
    """The plan for a division; `prices` is None where calls cost nothing."""
    calls = {operation: len(todo) for operation, todo in division.todo.items()}
    shares = {
        operation: OperationPlan(
            images=division.images,
            reused=division.answered[operation],
            refused=division.images - division.answered[operation] - left,
            calls=left,
            cost_usd=float(prices.cost({operation: left})) if prices else 0.0,
        )
        for operation, left in calls.items()
    }
    total = float(prices.cost(calls)) if prices else 0.0
    about = {"date": prices.date, "source": prices.source} if prices else {}
    return Plan(division.images, shares, total, about)


def check_budget(plan: Plan, max_cost: float | None) -> None:
    """Stop before the first paid call if the plan costs more than allowed.

    Raises:
        OverBudget: with both figures.
    """
    if max_cost is not None and plan.cost_usd > max_cost:
        raise OverBudget(
            f"The {plan.calls:,} calls left would cost about {plan.cost_usd:.4f} USD, "
            f"over --max-cost {max_cost:g}: "
            "nothing was paid. Raise the limit, or ask for fewer operations or links.",
            plan.cost_usd,
        )
