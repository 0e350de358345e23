"""`methods.md`: how a version was made, ready to paste into a paper."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from image_tags.tasks.contracts.display import code, counted
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import CleaningSettings, EffectSettings, Settings

METHODS = "methods.md"

EFFECTS = """\
Tags were compared by {metrics} with the probability of superiority: the probability that a picture
with the tag has a higher value than one without it, ties counting half. Rows that share a picture
(or the same set of pictures) were collapsed to their mean rank{clusters}; rows with several
pictures were ranked among rows with as many. Labels were compared among rows without a recognised
celebrity. Pictures behind more than {links} links were left out as likely placeholders, and so were
tags that fewer than {least} pictures have or lack. Intervals (95%) and two-sided p-values come from
the placement variance of DeLong et al. (1988), cluster-robust as in Obuchowski (1997), on the logit
scale with a t distribution; p-values were corrected by Benjamini and Hochberg (1995) within each
kind of tag over all metrics. These are associations, not effects of the pictures.
"""


@dataclass(frozen=True)
class MethodsInput:
    """What the text is made of.

    Attributes:
        summary: summary.json of the run.
        settings: of the run.
        requests: what each operation was asked, by operation.
        versions: the model versions that answered, by kind of tag.
        kept: tags kept, by kind.
        removed: tags removed, by rule.
        placeholders: pictures behind more links than `max_links_an_image`.
    """

    summary: JsonObject
    settings: Settings
    requests: Mapping[str, JsonObject]
    versions: Mapping[str, Sequence[str]]
    kept: Mapping[str, int]
    removed: Mapping[str, int]
    placeholders: int


def write_methods(made: MethodsInput) -> str:
    """Write the methods as Markdown: data, analysis, cleaning, comparison, what is missing."""
    parts = [
        ("# Methods", _describe_data(made)),
        ("## Analysis", _describe_analysis(made)),
        ("## Cleaning", _describe_cleaning(made)),
    ]
    if made.settings.metric:
        parts.append(("## Comparison by tag", _describe_effects(made)))
    parts.append(("## What was left out, and why", _describe_losses(made)))
    return "\n".join(
        f"{head}\n\n{''.join(f'{line}{chr(10)}' for line in body)}" for head, body in parts
    )


def _describe_data(made: MethodsInput) -> Iterator[str]:
    summary = made.summary
    yield (
        f"{counted(summary['rows'], 'row')} of the source {code(str(summary['source']))} held "
        f"{counted(summary['links'], 'link')} to {counted(summary['images'], 'distinct image')} "
        "(by the sha256 of the bytes as downloaded). Each distinct image was analysed once, "
        "in this run or an earlier one. This is version "
        f"{summary['version']} of the tables, made with image-tags {version('image-tags')} by run "
        f"{summary['run']}, from {summary['started']} to {summary['finished']}."
    )


def _describe_analysis(made: MethodsInput) -> Iterator[str]:
    names = {"rekognition": "Amazon Rekognition", "local": "models on the local machine"}
    analyzer = made.settings.analyzer
    yield f"The images were analysed by {names[analyzer]} (analyzer `{analyzer}`):"
    yield ""
    calls = made.summary["calls"]
    for operation, request in made.requests.items():
        count = calls.get(operation, {})
        yield (
            f"- `{operation}`: {counted(count.get('billed', 0), 'call')} in this run, "
            f"{counted(count.get('reused', 0), 'answer')} reused from earlier runs, "
            f"{counted(count.get('failed', 0), 'call')} without an answer. "
            f"Settings: `{json.dumps(request, sort_keys=True)}`"
        )
    yield ""
    yield "Model versions, as the answers name them:"
    yield ""
    for kind, versions in made.versions.items():
        yield f"- {kind}: {', '.join(map(code, versions)) or 'not given'}"


def _describe_cleaning(made: MethodsInput) -> Iterator[str]:
    kept = ", ".join(f"{kind} {n:,}" for kind, n in made.kept.items()) or "none"
    yield f"Tags kept, by kind: {kept}. Tags removed, by rule (they are in `tags_dropped`):"
    yield ""
    for rule, n in made.removed.items():
        yield f"- `{rule}`: {n:,}"
    if not made.removed:
        yield "- none"
    yield ""
    yield "Settings of the rules:"
    yield ""
    for name, value in made.settings.only(CleaningSettings).model_dump().items():
        text = list(value) if isinstance(value, tuple) else value
        yield f"- `{name}`: {code(json.dumps(text, ensure_ascii=False))}"


def _describe_effects(made: MethodsInput) -> Iterator[str]:
    effects = made.settings.only(EffectSettings)
    cluster = effects.effect_cluster
    clusters = (
        f"; rows with the same value of {code(cluster)} were treated as one cluster"
        if cluster
        else ""
    )
    yield " ".join(EFFECTS.split()).format(
        metrics=", ".join(map(code, made.settings.metric)),
        clusters=clusters,
        links=made.settings.max_links_an_image,
        least=effects.effect_min_rows,
    )


def _describe_losses(made: MethodsInput) -> Iterator[str]:
    statuses = made.summary["statuses"]
    yield (
        f"Of {counted(made.summary['links'], 'link')}, {statuses['tagged']:,} were tagged, "
        f"{statuses['rejected']:,} rejected (they will not succeed as they are) and "
        f"{statuses['pending']:,} pending (a later run tries again). "
        f"{counted(statuses['no_link'], 'row')} had no link."
    )
    yield ""
    meanings = {reason.value: reason.meaning for reason in Reason}
    for reason, n in made.summary["reasons"].items():
        yield f"- `{reason}`: {counted(n, 'link')}: {meanings.get(reason, '')}"
    if made.placeholders:
        yield (
            f"- {counted(made.placeholders, 'picture')} behind more than "
            f"{made.settings.max_links_an_image} links each, perhaps placeholders for deleted "
            "pictures: tagged, but left out of comparisons by tag."
        )
