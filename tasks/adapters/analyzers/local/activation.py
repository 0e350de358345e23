"""Where in the picture the classifier saw what it names: one box for the main object.

A class's map is its weight for each of the 9 x 9 places of the network's last feature map; the mean
of the map is the class's score ("class activation map": Zhou and others, "Learning Deep Features
for Discriminative Localization", 2016). The classifier's first look is the whole picture squeezed
into a square, so places in the map are shares of the picture's width and height.
"""

import cv2
import numpy as np
import numpy.typing as npt

from image_tags.tasks.adapters.analyzers.local.pixels import Box

Map = npt.NDArray[np.float32]

_FINE = 90
"""Places a side to which a map is enlarged before it is cut."""

CUT = 0.2
"""Share of the map's range above which a place belongs to the object.

Chosen on photos with a box drawn by hand (`benchmarks.label_calibration`).
"""

MOST_SHARE = 0.8
"""A box with more of the picture than this says nothing about where the object is."""

LEAST_MASS = 0.8
"""Share of all above the cut that must be in one piece: several pieces are several things."""


def find_main_box(activation: Map, cut: float = CUT) -> Box | None:
    """Find the box of the one compact piece of a map; None if there is no such piece.

    Args:
        activation: (n, n) the map of a class, or a weighted mean of maps.
        cut: share of the map's range above which a place belongs to the object.

    """
    low, high = float(activation.min()), float(activation.max())
    if high - low < 1e-6:
        return None
    fine = cv2.resize(
        (activation - low) / (high - low), (_FINE, _FINE), interpolation=cv2.INTER_CUBIC
    )
    above = np.where(fine >= cut, fine - cut, 0)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((above > 0).astype(np.uint8))
    masses = [float(above[pieces == n].sum()) for n in range(1, count)]
    main = int(np.argmax(masses))
    left, top, width, height = (float(value) / _FINE for value in stats[main + 1, :4])
    if masses[main] < LEAST_MASS * sum(masses) or width * height > MOST_SHARE:
        return None
    return Box(left, top, width, height)
