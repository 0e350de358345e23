"""From what the classifier and the face detector saw to DetectLabels and DetectModerationLabels.

Pure functions. Shapes and limits: Amazon Rekognition API Reference, pages of these operations.
"""

import numpy as np

from image_tags.tasks.adapters.analyzers.local.activation import Map, find_main_box
from image_tags.tasks.adapters.analyzers.local.answer_parts import build_box, round_confidence
from image_tags.tasks.adapters.analyzers.local.classifier import Classification
from image_tags.tasks.adapters.analyzers.local.faces import Face
from image_tags.tasks.adapters.analyzers.local.moderation import EXPLICIT, load_moderation
from image_tags.tasks.adapters.analyzers.local.pixels import Box
from image_tags.tasks.adapters.analyzers.local.taxonomy import Label, Taxonomy, load_taxonomy
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import AnalysisSettings

FACE = "Face"
SHOWN_BY_FACES = ("Human", "Person", FACE)
"""Labels that a face gives: all are at least as sure as it is."""

BOXED_BY_FACES = ("Person", FACE)
"""Of these, those that answer the faces' boxes as instances."""


def build_labels(seen: Classification, faces: list[Face], settings: AnalysisSettings) -> JsonObject:
    """Build DetectLabels' response, surest label first.

    The most specific of the sure labels has the main object's box, where that is known.
    """
    known = load_taxonomy()
    confidences = sum_confidences(seen)
    surest_face = max((face.confidence for face in faces), default=0.0)
    for name in SHOWN_BY_FACES:
        confidences[name] = max(confidences[name], surest_face)

    instances = {name: [_build_instance(face.box, face.confidence) for face in faces]
                 for name in BOXED_BY_FACES}  # fmt: skip
    main = find_main_label(known, confidences, settings.label_confidence)
    box = find_label_box(known, main, seen) if main else None
    if main and box:
        instances[main.name] = [_build_instance(box, confidences[main.name])]

    found: list[JsonObject] = [
        {
            "Name": label.name,
            "Confidence": round_confidence(confidences[label.name]),
            "Instances": instances.get(label.name, []),
            "Parents": [{"Name": name} for name in label.ancestors],
            "Aliases": [],
            "Categories": [{"Name": label.category}],
        }
        for label in known.labels
        if 0 < confidences[label.name] >= settings.label_confidence
        and _passes_filters(label, settings)
    ]
    return {"Labels": sorted(found, key=lambda label: -label["Confidence"])[: settings.max_labels]}


def sum_confidences(seen: Classification) -> dict[str, float]:
    """Sum the confidence (0-100) of every label, by its name."""
    known = load_taxonomy()
    sums = known.sum_probabilities(seen.probabilities)
    return {label.name: 100 * float(sums[n]) for n, label in enumerate(known.labels)}


def find_main_label(known: Taxonomy, confidences: dict[str, float], least: float) -> Label | None:
    """Find the surest label with at least this confidence that has no such label below it.

    Faces are found with boxes of their own, so what they show is passed over.
    """
    sure = [
        label
        for label in known.labels
        if label.name not in SHOWN_BY_FACES and 0 < confidences[label.name] >= least
    ]
    above = {name for label in sure for name in label.ancestors}
    specific = [label for label in sure if label.name not in above]
    return max(specific, key=lambda label: confidences[label.name], default=None)


def find_label_box(known: Taxonomy, label: Label, seen: Classification) -> Box | None:
    """Find the box of what the label names."""
    return find_main_box(map_label(known, label, seen))


def map_label(known: Taxonomy, label: Label, seen: Classification) -> Map:
    """Map (9, 9) where the label's classes were seen, each counted by its probability."""
    classes = known.list_classes(label)
    weights = seen.probabilities[classes, None, None]
    return np.asarray((weights * seen.maps[classes]).sum(axis=0), np.float32)


def build_moderation_labels(
    explicit: float, seen: Classification, settings: AnalysisSettings
) -> JsonObject:
    """Build DetectModerationLabels' response; a parent is as sure as its children together."""
    labels = load_moderation()
    confidences = {label.name: 0.0 for label in labels}
    confidences[EXPLICIT] = 100 * explicit
    for label in reversed(labels):  # children come after their parents
        confidences[label.name] += 100 * float(seen.probabilities[list(label.classes)].sum())
        if label.parent:
            confidences[label.parent] += confidences[label.name]
    found: list[JsonObject] = [
        {
            "Name": label.name,
            "ParentName": label.parent,
            "TaxonomyLevel": label.level,
            "Confidence": round_confidence(confidences[label.name]),
        }
        for label in labels
        if 0 < confidences[label.name] >= settings.moderation_confidence
    ]
    return {"ModerationLabels": sorted(found, key=lambda label: -label["Confidence"])}


def _build_instance(box: Box, confidence: float) -> JsonObject:
    return {"BoundingBox": build_box(box), "Confidence": round_confidence(confidence)}


def _passes_filters(label: Label, settings: AnalysisSettings) -> bool:
    """Whether the settings want this label; names must be exact.

    Without inclusive filters everything is in; an exclusive one always wins.
    """
    if label.name in settings.label_exclude or label.category in settings.label_category_exclude:
        return False
    if not settings.label_include and not settings.label_category_include:
        return True
    return label.name in settings.label_include or label.category in settings.label_category_include
