"""How fast the local analyzer is, and how well it reads.

`uv run python -m benchmarks.local_analyzer` prints three tables. The first compares sizes at which
lines of text are looked for (the module `text`): milliseconds per image with and without text,
words read right of all, wrong ones on pictures with text, and words invented on pictures without
any. The second takes the settings as they are: milliseconds of labels, text and faces on each
picture, and how much of that the models take themselves. What is around them is compared with them
within each call, so that it holds on a busy machine too. The third compares one thread with two,
and each with the bare models: the same runs of the same models again, with nothing around them.

Milliseconds are those of one core (CPU time), whatever else the machine does; the third table is
only true of a machine that does nothing else. Pictures are 1024 px (`benchmarks.printed_pictures`).
`--fast` leaves out the other sizes.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnxruntime as ort

from benchmarks.printed_pictures import Sample, make_printed, make_textless
from image_tags.tasks.adapters.analyzers.local import text
from image_tags.tasks.adapters.analyzers.local.analyzer import LocalAnalyzer
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import AnalysisSettings

ASKED = ("detect_labels", "detect_text", "detect_faces")
SIZES = (480, 576, 640, 736, 960)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fast", action="store_true", help="only the settings as they are")
    fast = parser.parse_args().fast
    samples = [*make_printed(), *make_textless()]
    compare_sizes((text.DETECTION_SIDE,) if fast else SIZES, samples)
    measure_operations(samples)
    measure_threads(samples)


def compare_sizes(sizes: tuple[int, ...], samples: list[Sample]) -> None:
    """Print one row per size."""
    known = sum(len(sample.words) for sample in samples)
    print(
        f"lines looked for at | ms with text | ms without | words right of {known}"
        " | wrong | invented"
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


def measure_operations(samples: list[Sample]) -> None:
    """Print one row per picture, then the mean and the largest of all."""
    with tempfile.TemporaryDirectory() as folder:
        analyzer, pictures = prepare_analyzer(Path(folder), samples)
        print("\npicture", *ASKED, "together", "in the models (ms of one core)", sep=" | ")
        rows: list[list[float]] = []
        for sample, picture in pictures:
            took = []
            with watch_models() as runs:
                for operation in ASKED:
                    start = time.process_time()
                    analyzer.answer(operation, picture)
                    took.append(1000 * (time.process_time() - start))
            rows.append([*took, sum(took), 1000 * sum(run.seconds for run in runs)])
            print(sample.name, *(f"{ms:.0f}" for ms in rows[-1]), sep=" | ")
    columns = list(zip(*rows, strict=True))
    print("mean", *(f"{statistics.mean(column):.0f}" for column in columns), sep=" | ")
    print("most", *(f"{max(column):.0f}" for column in columns), sep=" | ")
    *_, together, models = (sum(column) for column in columns)
    print(f"time around the models: {together / models - 1:.1%} of theirs")


def measure_threads(samples: list[Sample]) -> None:
    """Print pictures per second of the analyzer and of its bare models, on one thread and two."""
    by_picture = record_runs(samples)
    print("\nthreads | pictures per second | with the bare models | time around the models")
    for threads in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            analyzer, pictures = prepare_analyzer(Path(folder), samples)
            asked = [[partial(analyzer.answer, operation, picture) for operation in ASKED]
                     for _, picture in pictures]  # fmt: skip
            rate, bare = measure_rate(threads, asked), measure_rate(threads, by_picture)
            print(threads, f"{rate:.2f}", f"{bare:.2f}", f"{bare / rate - 1:.0%}", sep=" | ")


def record_runs(samples: list[Sample]) -> list[list[Callable[[], Any]]]:
    """Record, for each picture, how to repeat every run of a model that it takes."""
    with tempfile.TemporaryDirectory() as folder:
        analyzer, pictures = prepare_analyzer(Path(folder), samples)
        by_picture = []
        for _, picture in pictures:
            with watch_models() as runs:
                for operation in ASKED:
                    analyzer.answer(operation, picture)
            by_picture.append([run.repeat for run in runs])
    return by_picture


def measure_rate(threads: int, by_picture: list[list[Callable[[], Any]]]) -> float:
    """Measure pictures per second; the calls of one picture are made one after the other."""

    def make_calls(calls: list[Callable[[], Any]]) -> None:
        for call in calls:
            call()

    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(make_calls, by_picture))
    return len(by_picture) / (time.perf_counter() - start)


def prepare_analyzer(
    folder: Path, samples: list[Sample]
) -> tuple[LocalAnalyzer, list[tuple[Sample, Picture]]]:
    """Store the pictures as JPEG files, and load every model by asking about the first."""
    store = FolderStore(str(folder))
    analyzer = LocalAnalyzer(AnalysisSettings(), store)
    pictures = []
    for number, sample in enumerate([samples[0], *samples]):
        file = io.BytesIO()
        sample.image.save(file, "JPEG", quality=85)
        picture = Picture("", f"images/{number}.jpg", file.tell(), *sample.image.size)
        store.write(picture.key, file.getvalue(), "image/jpeg")
        pictures.append((sample, picture))
    for operation in ASKED:
        analyzer.answer(operation, pictures[0][1])
    return analyzer, pictures[1:]


@dataclass(frozen=True)
class ModelRun:
    """A run of a model: the seconds of one core that it took, and how to repeat it."""

    seconds: float
    repeat: Callable[[], Any]


@contextmanager
def watch_models() -> Iterator[list[ModelRun]]:
    """Collect each run of a model, without what is around it."""
    run, runs = ort.InferenceSession.run, []

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.thread_time()
        outputs = run(*args, **kwargs)
        runs.append(ModelRun(time.thread_time() - start, partial(run, *args, **kwargs)))
        return outputs

    with patch.object(ort.InferenceSession, "run", timed):
        yield runs


if __name__ == "__main__":
    main()
