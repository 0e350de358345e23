"""Planning the analysis: distinct images, what the ledger has, the calls left, their cost."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.analyzers.analyzer import Analyzer
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.ledger.partitions import group_by_partition
from image_tags.tasks.contracts.errors import OverBudget
from image_tags.tasks.contracts.prices import PriceList, prices_for
from image_tags.tasks.contracts.records import Failure, JsonObject, Picture, distinct_pictures
from image_tags.tasks.execution.batches import Batch, batch_size, number_batches
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import (
    delete_failures,
    load_fetched,
    run_key,
    save_failures,
    save_json,
)
from image_tags.tasks.execution.task_options import timed


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
class Work:
    """A plan with what it is made of: the calls to make, and the refusals known without asking."""

    plan: Plan
    todo: dict[str, list[Picture]]
    refusals: list[Failure]


@task(task_run_name="plan the analysis", cache_policy=NO_CACHE)
@timed
def plan_analysis(resources: RunResources, digests: Sequence[str]) -> list[Batch[Picture]]:
    """Say what is left to ask and what it costs, and cut it into batches; nothing is paid yet.

    Raises:
        OverBudget: it costs more than `max_cost`.

    """
    store, run, settings = resources.store, resources.run, resources.settings
    pictures = distinct_pictures(load_fetched(store, run, digests))
    work = make_plan(pictures, resources.analyzer, resources.ledgers, prices_for(settings))
    save_json(store, run_key(run, "plan.json"), work.plan.as_json())
    delete_failures(store, run)
    save_failures(store, run, "refused", work.refusals)
    for line in plan_sentences(work.plan):
        get_run_logger().info(line)
        progress.print_line(line)
    check_budget(work.plan, settings.max_cost)
    return analysis_batches(work.todo, settings.batch_size)


def make_plan(
    pictures: Sequence[Picture],
    analyzer: Analyzer,
    ledgers: Mapping[str, Ledger],
    prices: PriceList | None,
) -> Work:
    """Divide each operation's images into answered, refused and to be asked.

    `prices` is None where calls cost nothing.
    """
    todo: dict[str, list[Picture]] = {}
    refusals: list[Failure] = []
    counts: dict[str, tuple[int, int]] = {}
    for operation, ledger in ledgers.items():
        had = ledger.find_answered([picture.image_id for picture in pictures])
        missing = [picture for picture in pictures if picture.image_id not in had]
        refused = {
            p.image_id: why for p in missing if (why := analyzer.refusal(operation, p)) is not None
        }
        refusals += [
            Failure(image_id, operation, why.reason, why.detail)
            for image_id, why in refused.items()
        ]
        todo[operation] = [picture for picture in missing if picture.image_id not in refused]
        counts[operation] = len(had), len(refused)
    costs = {op: prices.cost({op: len(left)}) if prices else 0.0 for op, left in todo.items()}
    total = prices.cost({op: len(left) for op, left in todo.items()}) if prices else 0.0
    shares = {
        op: OperationPlan(
            len(pictures), *counts[op], calls=len(todo[op]), cost_usd=float(costs[op])
        )
        for op in ledgers
    }
    about = {"date": prices.date, "source": prices.source} if prices else {}
    return Work(Plan(len(pictures), shares, float(total), about), todo, refusals)


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


def analysis_batches(
    todo: Mapping[str, Sequence[Picture]], wanted: int | None
) -> list[Batch[Picture]]:
    """Batches of operation x images, the operations in turn so that each quota is always used.

    Batches are cut along the partitions of the ledger, so that each is claimed by one batch. With
    few images, or a wanted size, a partition may be divided: batches of one process share a claim.
    """
    calls = sum(len(left) for left in todo.values())
    size = batch_size(calls, wanted)
    may_divide = wanted is not None or size == 1
    by_operation = [
        number_batches(
            operation,
            [(group, [p.image_id for p in group]) for group in _cut(pictures, size, may_divide)],
        )
        for operation, pictures in todo.items()
    ]
    return sorted(
        (batch for batches in by_operation for batch in batches),
        key=lambda batch: batch.number / batch.of,
    )


def _cut(pictures: Sequence[Picture], size: int, may_divide: bool) -> list[list[Picture]]:
    """Whole partitions, as many as fit into the size; larger ones divided evenly, or left whole."""
    cut: list[list[Picture]] = []
    for partition in group_by_partition(pictures).values():
        if cut and len(cut[-1]) + len(partition) <= size:
            cut[-1] += partition
            continue
        pieces = math.ceil(len(partition) / size) if may_divide else 1
        bounds = [len(partition) * piece // pieces for piece in range(pieces + 1)]
        cut += [partition[start:end] for start, end in pairwise(bounds)]
    return cut


def plan_sentences(plan: Plan) -> list[str]:
    """The plan for people, a sentence each."""
    lines = [f"{plan.images:,} distinct images."]
    for operation, share in plan.operations.items():
        refused = f", {share.refused:,} cannot be taken" if share.refused else ""
        price = f", {share.cost_usd:.4f} USD" if plan.prices else ""
        lines.append(
            f"{operation}: {share.reused:,} in the ledger, "
            f"{share.calls:,} calls to make{refused}{price}."
        )
    if plan.prices:
        lines.append(
            f"About {plan.cost_usd:.4f} USD at prices of {plan.prices['date']} "
            f"({plan.prices['source']})."
        )
    else:
        lines.append("The analyzer runs on this machine: 0 USD.")
    return lines
