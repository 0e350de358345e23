"""How fast the local analyzer is, and how well it reads at which setting: `uv run python -m
benchmarks.local_analyzer`.

Prints two tables. The first compares sizes at which lines of text are looked for (the module
`text`): milliseconds an image with and without text, words read right of all, wrong ones on
pictures with text, and words invented on pictures without any. The second takes the settings as
they are: milliseconds of the three operations on each picture. Milliseconds are those of one core
(CPU time), whatever else the machine does; pictures are 1024 px (`benchmarks.printed_pictures`).
`--fast` leaves out the other sizes.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.printed_pictures import HOPPER, Sample, printed, without_text
from image_tags.tasks.adapters.analyzers.local import text
from image_tags.tasks.adapters.analyzers.local.analyzer import LocalAnalyzer
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import AnalysisSettings

SIZES = (480, 576, 640, 736, 960)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fast", action="store_true", help="only the settings as they are")
    fast = parser.parse_args().fast
    samples = [*printed(), *without_text()]
    reading((text.DETECTION_SIDE,) if fast else SIZES, samples)
    operations(samples)


def reading(sizes: tuple[int, ...], samples: list[Sample]) -> None:
    """One row a size."""
    known = sum(len(sample.words) for sample in samples)
    print(
        f"lines looked for at | ms with text | ms without | words right of {known} | wrong | invented"
    )
    for size in sizes:
        reader = text.Reader(size)
        list(reader.read_lines(np.asarray(samples[0].image)))  # loads the models
        took: dict[bool, list[float]] = {True: [], False: []}
        right, wrong = 0, {True: 0, False: 0}
        for sample in samples:
            pixels, start = np.asarray(sample.image), time.process_time()
            found = Counter(word.text for line in reader.read_lines(pixels) for word in line.words)
            took[bool(sample.words)].append(1000 * (time.process_time() - start))
            right += (found & Counter(sample.words)).total()
            wrong[bool(sample.words)] += (found - Counter(sample.words)).total()
        mark = " *" if size == text.DETECTION_SIDE else ""
        row = (
            f"{size} px{mark}",
            f"{statistics.mean(took[True]):.0f}",
            f"{statistics.mean(took[False]):.0f}",
            right,
        )
        print(*row, wrong[True], wrong[False], sep=" | ")


def operations(samples: list[Sample]) -> None:
    """One row a picture, then the mean of all."""
    asked = ("detect_labels", "detect_text", "recognize_celebrities")
    rows: list[list[float]] = []
    with tempfile.TemporaryDirectory() as folder:
        people = Path(folder) / "people"
        people.mkdir()
        with Image.open(HOPPER) as image:
            image.resize((256, 300)).save(people / "Grace_Hopper.jpg")
        store = FolderStore(folder)
        analyzer = LocalAnalyzer(AnalysisSettings(people=str(people)), store)
        print("\npicture", *asked, "together (ms of one core)", sep=" | ")
        for number, sample in enumerate(
            [samples[0], *samples]
        ):  # the first loads the models and is not counted
            file = io.BytesIO()
            sample.image.save(file, "JPEG", quality=85)
            picture = Picture("", f"images/{number}.jpg", file.tell(), *sample.image.size)
            store.write(picture.key, file.getvalue(), "image/jpeg")
            took = []
            for operation in asked:
                start = time.process_time()
                analyzer.answer(operation, picture)
                took.append(1000 * (time.process_time() - start))
            if number:
                rows.append([*took, sum(took)])
                print(sample.name, *(f"{ms:.0f}" for ms in rows[-1]), sep=" | ")
    print(
        "mean", *(f"{statistics.mean(column):.0f}" for column in zip(*rows, strict=True)), sep=" | "
    )
    print("most", *(f"{max(column):.0f}" for column in zip(*rows, strict=True)), sep=" | ")


if __name__ == "__main__":
    main()
