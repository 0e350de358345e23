"""The operations: how each is called and how its response is read.

A new operation is one more entry in `OPERATIONS`; CONTRIBUTING.md lists the rest.

Requests and limits follow the Amazon Rekognition API Reference and its page "Guidelines and quotas
in Amazon Rekognition".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from image_tags.tasks.contracts import responses as reading
from image_tags.tasks.contracts.records import JsonObject, Tag
from image_tags.tasks.contracts.settings import AnalysisSettings


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: as in `--operations`; also the name of the boto3 client's method.
        request: the request's members besides Image, from the settings.
        read: the tags in a response, ranked within each kind.
        version: the response's member with the model's version; None if there is none.
        max_side: px per side at most; None if the service documents no limit.

    """

    name: str
    request: Callable[[AnalysisSettings], JsonObject]
    read: Callable[[JsonObject], list[Tag]]
    version: str | None = None
    max_side: int | None = None


def _labels_request(settings: AnalysisSettings) -> JsonObject:
    filters = {
        "LabelInclusionFilters": settings.label_include,
        "LabelExclusionFilters": settings.label_exclude,
        "LabelCategoryInclusionFilters": settings.label_category_include,
        "LabelCategoryExclusionFilters": settings.label_category_exclude,
    }
    # Sorted and without duplicates, so that the same filters give the same ledger fingerprint.
    general = {member: sorted(set(names)) for member, names in filters.items() if names}
    request: JsonObject = {
        "MaxLabels": settings.max_labels,
        "MinConfidence": settings.label_confidence,
        "Features": ["GENERAL_LABELS", "IMAGE_PROPERTIES"]
        if settings.image_properties
        else ["GENERAL_LABELS"],
    }
    return {**request, "Settings": {"GeneralLabels": general}} if general else request


def _text_request(settings: AnalysisSettings) -> JsonObject:
    # MinConfidence is always sent: where it is missing the service leaves out words below 80
    # (API_DetectionFilter).
    words = {"MinConfidence": settings.word_confidence}
    if settings.word_min_height:
        words["MinBoundingBoxHeight"] = settings.word_min_height
    if settings.word_min_width:
        words["MinBoundingBoxWidth"] = settings.word_min_width
    return {"Filters": {"WordFilter": words}}


def _moderation_request(settings: AnalysisSettings) -> JsonObject:
    return {"MinConfidence": settings.moderation_confidence}


def _faces_request(settings: AnalysisSettings) -> JsonObject:
    return {"Attributes": [settings.face_attributes]}


def _bare_request(_: AnalysisSettings) -> JsonObject:
    return {}


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation(
            "detect_labels",
            _labels_request,
            reading.read_labels,
            version="LabelModelVersion",
            max_side=10_000,
        ),
        Operation("detect_text", _text_request, reading.read_text, version="TextModelVersion"),
        Operation("recognize_celebrities", _bare_request, reading.read_celebrities),
        Operation(
            "detect_moderation_labels",
            _moderation_request,
            reading.read_moderation,
            version="ModerationModelVersion",
            max_side=10_000,
        ),
        Operation("detect_faces", _faces_request, reading.read_faces),
    )
}
"""Every operation by its name, in the order in which people see them."""


def read_all(responses: Iterable[tuple[str, JsonObject]]) -> list[Tag]:
    """The tags of one image from its (operation, response) pairs; ranks are unique per kind."""
    return reading.merge_tags(
        OPERATIONS[operation].read(response) for operation, response in responses
    )
