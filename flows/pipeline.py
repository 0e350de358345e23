"""The flow: a table of image links in, checked and published tables of tags out."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from image_tags.flows.fetch_and_ask import fetch_and_ask
from image_tags.flows.flow_parameters import flatten_parameters
from image_tags.flows.outcome import conclude_run, report_failures
from image_tags.flows.start import begin_run, keep_store, name_flow_run
from image_tags.tasks.adapters.orchestration.results import ResultSerializer
from image_tags.tasks.assemble.step import assemble_tables
from image_tags.tasks.check.step import check_tables
from image_tags.tasks.clean.step import clean_tags
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.effects.step import measure_effects
from image_tags.tasks.explain.step import explain_run
from image_tags.tasks.ingest.step import plan_links
from image_tags.tasks.publish import publish_tables
from image_tags.tasks.report.step import report_run
from image_tags.tasks.reshape.step import reshape_tags
from image_tags.tasks.source.step import read_source
from image_tags.tasks.summary.step import collect_remarks, summarize_run


@flow(
    name="image-tags",
    flow_run_name=name_flow_run,
    persist_result=False,
    # Prefect writes the error of a flow that raises to a file, whatever `persist_result` says.
    result_serializer=ResultSerializer(),
)
@flatten_parameters
@report_failures
def image_tags(settings: Settings) -> State[Any]:
    """Fetch each distinct picture once, ask the analyzer once, and publish what passes the gate."""
    lost_to = None
    with begin_run(settings) as resources, keep_store(resources):
        source = read_source(resources)
        links = plan_links(resources)
        digests = links.digests
        stopped = fetch_and_ask(resources, links)
        reshape_tags(resources, digests)
        clean_tags(resources)
        renamed = assemble_tables(resources, digests)
        if settings.metric:
            measure_effects(resources)
        findings = check_tables(resources)
        summary = summarize_run(
            resources,
            source=source,
            findings=findings,
            remarks=collect_remarks(settings, source, renamed),
            stopped=stopped is not None,
        )
        # A report that cannot be drawn shows as a failed task run; the tables that passed the gate
        # are published all the same.
        report_run(resources, summary, findings, return_state=True)
        if summary["published"]:
            changes = publish_tables(resources, summary)
            lost_to = changes.pop("lost_to", None)
            summary |= changes
        outcome = conclude_run(settings, summary, findings, stopped, lost_to)
        # Likewise, a page that cannot be written does not fail the run.
        explain_run(resources, summary, findings, outcome.ending, return_state=True)
    return outcome.final_state()
