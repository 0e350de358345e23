"""How often labels, people and boxes are right.

`uv run python -m benchmarks.label_precision FOLDER` judges them. FOLDER holds the unpacked Debian
package `gcompris-qt-data` (see `benchmarks.judged_pictures`); without it only the pictures of
installed Python packages are judged.

Prints, for the half of the pictures that no threshold was chosen on, at three confidences: how many
of the labels were right, how many of the most specific ones (those that no other answered label is
a kind of), and on how many pictures at least one was. Person, which faces give, is counted apart,
over the photos (not drawings) of people whose face shows, of other people, and of nobody. Last,
boxes of main objects that overlap the judged one by at least half (intersection over union).
`--wrong` lists what was wrong.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.judged_pictures import Judged, load_judged
from image_tags.tasks.adapters.analyzers.local.classifier import classify_picture
from image_tags.tasks.adapters.analyzers.local.faces import find_faces
from image_tags.tasks.adapters.analyzers.local.label_answers import SHOWN_BY_FACES, build_labels
from image_tags.tasks.adapters.analyzers.local.perception import shows_animal
from image_tags.tasks.adapters.analyzers.local.pixels import Box, read_pixels
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import AnalysisSettings

CONFIDENCES = (50, 65, 80)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="the unpacked gcompris-qt-data")
    parser.add_argument("--wrong", action="store_true", help="also list what was wrong")
    options = parser.parse_args()
    held_out = [picture for picture in load_judged(options.folder) if picture.is_held_out]
    answers = [(picture, answer_labels(picture)) for picture in held_out]
    report_labels(answers, options.wrong)
    photos = [pair for pair in answers if "Comics" not in pair[0].labels]
    report_people(photos, options.wrong)
    report_boxes([pair for pair in answers if pair[0].box], options.wrong)


def answer_labels(picture: Judged) -> list[JsonObject]:
    """Ask for the labels as the analyzer does."""
    pixels = read_pixels(picture.data)
    seen = classify_picture(pixels)
    faces = find_faces(pixels, shows_animal=lambda: shows_animal(seen))
    found: list[JsonObject] = build_labels(seen, faces, AnalysisSettings(label_confidence=50))[
        "Labels"
    ]
    return found


@dataclass(frozen=True)
class Tally:
    """How many labels were answered and right, and on how many pictures at least one was right.

    `specific` are those that no other answered label is a kind of; `wrong` are those of them that
    are not right, each with its picture's name.
    """

    answered: int
    right: int
    specific: int
    specific_right: int
    pictures: int
    wrong: list[str]


def tally_labels(answers: Iterable[tuple[Judged, list[JsonObject]]], least: float) -> Tally:
    """Compare the labels of at least this confidence (0-100) with what was judged."""
    answered = right = specific_answered = pictures = 0
    wrong: list[str] = []
    for picture, labels in answers:
        sure = [
            label
            for label in labels
            if label["Confidence"] >= least and label["Name"] not in SHOWN_BY_FACES
        ]
        above = {parent["Name"] for label in sure for parent in label["Parents"]}
        true = sum(label["Name"] in picture.labels for label in sure)
        specific = [label["Name"] for label in sure if label["Name"] not in above]
        answered, right = answered + len(sure), right + true
        specific_answered += len(specific)
        wrong += [f"{picture.name}: {name}" for name in specific if name not in picture.labels]
        pictures += bool(true)
    specific_right = specific_answered - len(wrong)
    return Tally(answered, right, specific_answered, specific_right, pictures, wrong)


def report_labels(answers: list[tuple[Judged, list[JsonObject]]], wrong: bool) -> None:
    print(f"confidence | labels right | most specific right | pictures with one, of {len(answers)}")
    for least in CONFIDENCES:
        tally = tally_labels(answers, least)
        if wrong and least == CONFIDENCES[0]:
            print(*(f"  {line}" for line in tally.wrong), sep="\n")
        print(
            least,
            write_share(tally.right, tally.answered),
            write_share(tally.specific_right, tally.specific),
            tally.pictures,
            sep=" | ",
        )


def report_people(answers: list[tuple[Judged, list[JsonObject]]], wrong: bool) -> None:
    groups: dict[str, list[bool]] = {
        "people, a face shows": [],
        "people, no face shows": [],
        "nobody": [],
    }
    for picture, labels in answers:
        group = "people" if "Person" in picture.labels else "nobody"
        if group == "people":
            group += ", a face shows" if "Face" in picture.labels else ", no face shows"
        answered = any(label["Name"] == "Person" for label in labels)
        groups[group].append(answered)
        if wrong and answered and group == "nobody":
            print(f"  {picture.name}: Person")
    print("\nphotos of | with Person")
    for group, found in groups.items():
        print(group, write_share(sum(found), len(found)), sep=" | ")


def report_boxes(answers: list[tuple[Judged, list[JsonObject]]], wrong: bool) -> None:
    boxed = right = 0
    for picture, labels in answers:
        for label in labels:
            if label["Name"] in SHOWN_BY_FACES or not label["Instances"] or picture.box is None:
                continue
            answered = label["Instances"][0]["BoundingBox"]
            box = Box(answered["Left"], answered["Top"], answered["Width"], answered["Height"])
            boxed += 1
            overlap = measure_overlap(box, picture.box)
            right += overlap >= 0.5
            if wrong and overlap < 0.5:
                print(f"  {picture.name}: {label['Name']} overlaps by {overlap:.2f}")
    print(f"\nboxes: {write_share(right, boxed)} right, on {len(answers)} pictures of one object")


def measure_overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    down = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    both = max(across, 0.0) * max(down, 0.0)
    return both / (one.width * one.height + other.width * other.height - both)


def write_share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / max(whole, 1):.0f} %)"


if __name__ == "__main__":
    main()
