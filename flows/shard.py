"""A shard: a flow run that does its share of a run's links or images, on any machine."""

from typing import Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from image_tags.flows.deployed import end_in_order
from image_tags.flows.prefect_setup import log_errors_once
from image_tags.flows.preflight import check_request
from image_tags.flows.signals import close_on_signal
from image_tags.tasks.adapters.interruption import SENTENCE
from image_tags.tasks.adapters.orchestration.flow_runs import closer_of_flow_run
from image_tags.tasks.adapters.orchestration.results import ResultSerializer
from image_tags.tasks.analyze import analyze_images
from image_tags.tasks.contracts.errors import BatchFailed, ImageTagsError, StopRun, UsageError
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.mapping import run_batches
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.shard_batches import leave_signs_of_life, load_share
from image_tags.tasks.execution.shards import STOPPED
from image_tags.tasks.ingest.step import ingest_images

STEPS = {step.name: step for step in (ingest_images, analyze_images)}

log_errors_once()


@flow(
    name="image-tags-shard",
    flow_run_name="{step}: shard {number} of {of}",
    persist_result=False,
    # Prefect writes the error of a flow that raises to a file, whatever `persist_result` says.
    result_serializer=ResultSerializer(),
)
def image_tags_shard(
    run: str,
    step: Literal["ingest_images", "analyze_images"],
    number: int,
    of: int,
    settings: Settings,
) -> State[Any]:
    """Do one share of a step.

    Runs of `image-tags` with `--shards` start these flow runs, wait for them and publish.

    Args:
        run: the name of the run that this shard works for.
        step: the step to do a share of.
        number: which share, from 1.
        of: how many shares there are.
        settings: those of the run, with this shard's share of every rate.

    """
    with end_in_order():
        close_on_signal(closer_of_flow_run(SENTENCE))
        return _do_share(run, step, number, of, settings)


def _do_share(run: str, step: str, number: int, of: int, settings: Settings) -> State[Any]:
    resources = RunResources(run, settings)
    try:
        batches = load_share(resources.store, run, step, number, of)
        check_request(settings)
        with leave_signs_of_life(resources.store, run, settings.shard_wait):
            failed = run_batches(STEPS[step], batches, resources)
    except StopRun as error:
        return _failed_state(STOPPED, error)
    except UsageError as error:
        return _failed_state(STOPPED, StopRun(f"On a shard's machine: {error}"))
    finally:
        resources.close()
    if failed:
        message = (
            f"{failed} of {len(batches)} batches failed or left items pending; the rest is saved."
        )
        return _failed_state("Failed", BatchFailed(message))
    return Completed(message=f"{len(batches)} batches done.")


def _failed_state(name: str, error: ImageTagsError) -> State[Any]:
    # Prefect logs a returned state at level INFO, and expects an exception as its result.
    get_run_logger().error(str(error))
    return Failed(name=name, message=str(error), data=error)
