"""How sharp the label model's probabilities are, and where its maps are cut: chosen on one half.

`uv run python -m benchmarks.label_calibration FOLDER` prints two tables (FOLDER as for
`benchmarks.label_precision`), of the half of the judged pictures that is not reported on.

The first compares values of `classifier.SHARPNESS`. The one to take is the largest with which more
than RIGHT of the labels of at least 50 are right, as a larger one answers more. What counts is
Wilson's lower bound (95 %) of that share: the share itself picked now one value, now another, when
the looks at a picture changed by less than can be seen.

The second compares values of `activation.CUT` at the sharpness in use. The one to take gives the
most boxes that overlap the judged one by at least half, and of several the middle one.

What is chosen is marked.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from benchmarks.judged_pictures import Judged, load_judged
from benchmarks.label_precision import measure_overlap, tally_labels, write_share
from image_tags.tasks.adapters.analyzers.local.activation import CUT, find_main_box
from image_tags.tasks.adapters.analyzers.local.classifier import (
    SHARPNESS,
    Classification,
    compute_probabilities,
    score_looks,
)
from image_tags.tasks.adapters.analyzers.local.label_answers import (
    build_labels,
    find_main_label,
    map_label,
    sum_confidences,
)
from image_tags.tasks.adapters.analyzers.local.pixels import read_pixels
from image_tags.tasks.adapters.analyzers.local.taxonomy import load_taxonomy
from image_tags.tasks.contracts.settings import AnalysisSettings

SHARPNESSES = [0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3]
CUTS = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4]
LEAST = 50
RIGHT = 0.95

Looks = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Scores and maps; see `score_looks`."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="the unpacked gcompris-qt-data")
    pictures = [one for one in load_judged(parser.parse_args().folder) if not one.is_held_out]
    seen = [(picture, score_looks(read_pixels(picture.data))) for picture in pictures]
    compare_sharpnesses(seen)
    compare_cuts([pair for pair in seen if pair[0].box])


def compare_sharpnesses(seen: list[tuple[Judged, Looks]]) -> None:
    settings = AnalysisSettings(label_confidence=LEAST)
    rows: dict[float, str] = {}
    chosen = SHARPNESSES[0]
    for sharpness in SHARPNESSES:
        answers = [
            (
                picture,
                build_labels(
                    Classification(compute_probabilities(scores, sharpness), maps), [], settings
                )["Labels"],
            )
            for picture, (scores, maps) in seen
        ]
        tally = tally_labels(answers, LEAST)
        if bound_share(tally.right, tally.answered) > RIGHT:
            chosen = sharpness
        rows[sharpness] = (
            f"{write_share(tally.right, tally.answered)} | "
            f"{100 * bound_share(tally.right, tally.answered):.1f} % | "
            f"{write_share(tally.specific_right, tally.specific)} | {tally.pictures}"
        )
    print("sharpness | labels right | at least | most specific right | pictures with one")
    print_rows(rows, chosen, SHARPNESS)


def bound_share(right: int, answered: int) -> float:
    """Bound the share of right ones from below (Wilson, 95 %)."""
    return float(binomtest(right, answered).proportion_ci(method="wilson").low)


def compare_cuts(seen: list[tuple[Judged, Looks]]) -> None:
    known, right = load_taxonomy(), dict.fromkeys(CUTS, 0)
    rows: dict[float, str] = {}
    for cut in CUTS:
        boxed = 0
        for picture, (scores, maps) in seen:
            answer = Classification(compute_probabilities(scores), maps)
            main = find_main_label(known, sum_confidences(answer), LEAST)
            box = find_main_box(map_label(known, main, answer), cut) if main else None
            if box and picture.box:
                boxed += 1
                right[cut] += measure_overlap(box, picture.box) >= 0.5
        rows[cut] = write_share(right[cut], boxed)
    best = [cut for cut in CUTS if right[cut] == max(right.values())]
    print(f"\ncut | boxes right, on {len(seen)} pictures of one object")
    print_rows(rows, statistics.median_low(best), CUT)


def print_rows(rows: dict[float, str], chosen: float, used: float) -> None:
    for value, row in rows.items():
        marks = ("", " chosen")[value == chosen] + ("", " in use")[value == used]
        print(f"{value:g}{marks}", row, sep=" | ")


if __name__ == "__main__":
    main()
