"""Planning the analysis: distinct images, what the ledger has, the calls left, their cost."""

from collections.abc import Mapping, Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.store.json_records import OBJECT, save_record
from image_tags.tasks.contracts.prices import prices_for
from image_tags.tasks.contracts.records import Failure, Picture, distinct_pictures
from image_tags.tasks.execution.batches import Batch, batch_size
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import (
    delete_failures,
    load_fetched,
    run_key,
    save_failures,
)
from image_tags.tasks.execution.task_options import timed
from image_tags.tasks.plan.backlog import Backlog
from image_tags.tasks.plan.cutting import analysis_batches
from image_tags.tasks.plan.work import Plan, check_budget, make_plan, price_calls


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
    delete_failures(store, run)
    _announce_plan(resources, work.plan, work.refusals)
    check_budget(work.plan, settings.max_cost)
    return analysis_batches(work.todo, settings.batch_size)


def plan_ahead(
    resources: RunResources, known: Sequence[Picture], links: int
) -> tuple[Backlog, dict[str, list[Picture]]] | None:
    """Prepare to ask about pictures while links are being fetched; None if the plan comes first.

    Nothing is asked before the plan unless the budget covers all that may be found: one picture per
    link.

    Args:
        resources: of the run.
        known: the distinct pictures of links that need not be fetched.
        links: how many are to be fetched.

    Returns:
        The backlog, and which of the known pictures are to be asked, by operation.

    """
    settings, prices = resources.settings, prices_for(resources.settings)
    with resources.clock.measure("plan_analysis"):
        work = make_plan(known, resources.analyzer, resources.ledgers, prices)
    most = {operation: len(todo) + links for operation, todo in work.todo.items()}
    cost = float(prices.cost(most)) if prices else 0.0
    if settings.max_cost is not None and cost > settings.max_cost:
        return None
    delete_failures(resources.store, resources.run)
    size = batch_size(sum(most.values()), settings.batch_size)
    backlog = Backlog(resources.analyzer, resources.ledgers, size, len(known) + links)
    backlog.add(known)
    limit = f" within --max-cost {settings.max_cost:g}" if settings.max_cost is not None else ""
    get_run_logger().info(
        "Pictures are analysed while links are still being fetched: %s calls at most%s.",
        f"{sum(most.values()):,}",
        limit,
    )
    return backlog, work.todo


@task(task_run_name="plan the analysis", cache_policy=NO_CACHE)
def plan_rest(resources: RunResources, backlog: Backlog) -> list[Batch[Picture]]:
    """Say what the whole analysis is and costs, now that all links are fetched.

    Returns:
        Batches of what has not begun.

    """
    with resources.clock.measure("plan_analysis"):
        rest = backlog.take_rest()
        division = backlog.division
        plan = price_calls(division, prices_for(resources.settings))
        _announce_plan(resources, plan, division.refusals, backlog.begun)
        return analysis_batches(rest, resources.settings.batch_size)


def _announce_plan(
    resources: RunResources,
    plan: Plan,
    refusals: list[Failure],
    begun: Mapping[str, int] | None = None,
) -> None:
    store, run = resources.store, resources.run
    save_record(store, run_key(run, "plan.json"), OBJECT, plan.as_json())
    save_failures(store, run, "refused", refusals)
    for line in plan_sentences(plan, begun or {}):
        get_run_logger().info(line)
        progress.print_line(line)


def plan_sentences(plan: Plan, begun: Mapping[str, int] | None = None) -> list[str]:
    """The plan for people, a sentence each; `begun`: calls of it that are under way or made."""
    lines = [f"{plan.images:,} distinct images."]
    for operation, share in plan.operations.items():
        early = (begun or {}).get(operation, 0)
        ahead = f" ({early:,} of them begun while links were fetched)" if early else ""
        refused = f", {share.refused:,} cannot be taken" if share.refused else ""
        price = f", {share.cost_usd:.4f} USD" if plan.prices else ""
        lines.append(
            f"{operation}: {share.reused:,} in the ledger, "
            f"{share.calls:,} calls to make{ahead}{refused}{price}."
        )
    if plan.prices:
        lines.append(
            f"About {plan.cost_usd:.4f} USD at prices of {plan.prices['date']} "
            f"({plan.prices['source']})."
        )
    else:
        lines.append("The analyzer runs on this machine: 0 USD.")
    return lines
