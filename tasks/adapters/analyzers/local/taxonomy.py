"""The labels that the local analyzer knows, their parents, and the ImageNet classes of each.

`taxonomy.csv` is written by hand: one row per label with its name as Rekognition would put it, its
parents, its category (one of Rekognition's), and the ImageNet-1k classes (0-based, in the order of
their WordNet ids) that are pictures of it. What a class shows was looked up in WordNet 3.0,
Princeton University.

Four classes count for the next wider label only, as pictures of other things get them too: tench
and gar (any long or plain fish), Egyptian cat (any tabby), and the one that WordNet describes as
"porcupine, hedgehog".
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt

from image_tags.tasks.adapters.single_flight import run_once

CLASSES = 1000


@dataclass(frozen=True)
class Label:
    """One label. `parents` are the nearest, `ancestors` all of them, nearest first."""

    name: str
    parents: tuple[str, ...]
    ancestors: tuple[str, ...]
    category: str
    classes: tuple[int, ...]


@dataclass(frozen=True)
class Taxonomy:
    """All labels, and the classes that count for each, its descendants' included.

    Attributes:
        labels: in the order of the file: a label comes after its first parent.
        members: (2, n) pairs of a label's place and a class that counts for it, in ascending order.
        place: each label's place in `labels`, by its name.

    """

    labels: tuple[Label, ...]
    members: npt.NDArray[np.intp]
    place: dict[str, int]

    def list_classes(self, label: Label) -> npt.NDArray[np.intp]:
        """The classes that count for a label."""
        places, classes = self.members
        return np.asarray(classes[places == self.place[label.name]], np.intp)

    def sum_probabilities(self, of_classes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Sum the probabilities (1000,) of the classes up to those of the labels.

        A parent's is never below its child's.

        Not a product of matrices: for one, NumPy wakes up a thread per core, and these spin for
        20 ms each, longer than any sum here takes.
        """
        places, classes = self.members
        sums = np.bincount(places, of_classes[classes], len(self.labels))
        return np.asarray(np.clip(sums, 0.0, 1.0), np.float64)


@run_once
def load_taxonomy() -> Taxonomy:
    """Load `taxonomy.csv`, once."""
    table = resources.files(__package__).joinpath("taxonomy.csv").read_text(encoding="utf-8")
    rows = {row["name"]: row for row in csv.DictReader(table.splitlines())}
    parents = {
        name: tuple(row["parents"].split("|")) if row["parents"] else ()
        for name, row in rows.items()
    }
    labels = tuple(
        Label(
            name=name,
            parents=parents[name],
            ancestors=tuple(_list_ancestors(name, parents)),
            category=row["category"],
            classes=tuple(int(number) for number in row["classes"].split()),
        )
        for name, row in rows.items()
    )
    place = {label.name: n for n, label in enumerate(labels)}
    return Taxonomy(labels, _list_members(labels, place), place)


def _list_ancestors(name: str, parents: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """List every label above this one, level by level, each once."""
    seen, level = {name}, parents[name]
    while level:
        level = tuple(dict.fromkeys(label for label in level if label not in seen))
        yield from level
        seen.update(level)
        level = tuple(above for label in level for above in parents[label])


def _list_members(labels: tuple[Label, ...], place: dict[str, int]) -> npt.NDArray[np.intp]:
    pairs = {
        (place[name], number)
        for label in labels
        for name in (label.name, *label.ancestors)
        for number in label.classes
    }
    return np.array(sorted(pairs), np.intp).T
