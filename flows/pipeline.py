"""The flow: a table of image links in, checked and published tables of tags out."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from image_tags.flows.flow_parameters import flat
from image_tags.flows.outcome import conclude_run, report_failures
from image_tags.flows.start import begin, flow_run_name
from image_tags.tasks.analyze import analyze_images
from image_tags.tasks.assemble.step import assemble_tables
from image_tags.tasks.check.step import check_tables
from image_tags.tasks.clean.step import clean_tags
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.effects.step import measure_effects
from image_tags.tasks.execution.mapping import mapped
from image_tags.tasks.execution.resources import let_go
from image_tags.tasks.explain.step import explain_run
from image_tags.tasks.ingest import ingest_images, make_link_batches
from image_tags.tasks.plan import plan_analysis
from image_tags.tasks.publish import publish_tables
from image_tags.tasks.report.step import report_run
from image_tags.tasks.reshape import reshape_tags
from image_tags.tasks.source.step import read_source
from image_tags.tasks.summary.step import collect_remarks, summarize_run


@flow(name="image-tags", flow_run_name=flow_run_name)
@flat
@report_failures
def image_tags(settings: Settings) -> State[Any]:
    """Fetch each distinct picture once, ask the analyzer once, and publish what passes the gate."""
    run, clock = begin(settings)
    stopped = lost_to = None
    try:
        with clock("read_source"):
            source = read_source(run, settings)
        with clock("ingest_images"):
            links = make_link_batches(run, settings)
            mapped(ingest_images, links, run, settings)
        digests = [batch.digest for batch in links]
        try:
            with clock("plan_analysis"):
                images = plan_analysis(digests, run, settings)
            with clock("analyze_images"):
                mapped(analyze_images, images, run, settings)
        except StopRun as error:
            stopped = error
        with clock("reshape_tags"):
            reshape_tags(digests, run, settings)
        with clock("clean_tags"):
            clean_tags(run, settings)
        with clock("assemble_tables"):
            renamed = assemble_tables(digests, run, settings)
        if settings.metric:
            with clock("measure_effects"):
                measure_effects(run, settings)
        with clock("check_tables"):
            findings = check_tables(run, settings)
        summary = summarize_run(
            run,
            settings,
            source=source,
            findings=findings,
            started=clock.started,
            seconds=clock.seconds,
            remarks=collect_remarks(settings, source, renamed),
            stopped=stopped is not None,
        )
        # A report that cannot be drawn shows as a failed task run; what the gate has passed is
        # published all the same.
        report_run(run, settings, summary, findings, return_state=True)
        if summary["published"]:
            lost_to = publish_tables(run, settings, summary)
            summary["published"] = lost_to is None
        outcome = conclude_run(settings, summary, findings, stopped, lost_to)
        # The same holds for what explains it.
        explain_run(run, settings, summary, findings, outcome.ending, return_state=True)
    finally:
        let_go(run)
    return outcome.state()
