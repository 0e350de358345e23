"""Pictures out of packages whose contents were judged once by hand, in `judged_pictures.csv`.

Each row names the package and the file in it, the first 16 digits of the picture's sha256, what the
picture shows, and for some with one main object its box (left, top, right and bottom in % of width
and height, read off a grid, so exact to some 3 %). `shows` are the labels that are true, without
their parents in the taxonomy; words that the taxonomy lacks are there too.

The pictures are in two halves, by hash: thresholds are chosen on one
(`benchmarks.label_calibration`) and what comes of them is reported on the other
(`benchmarks.label_precision`), so that no figure is of a picture that had a say in it. `same_as` is
the hash of a picture that is there twice, at two sizes: both are in its half.

Rights: scikit-image's are in the public domain or CC0 (its `data/README.txt`), matplotlib's
portrait is a work of the US Navy. Those of the Debian package `gcompris-qt-data` are photos and
drawings under CC BY-SA, CC0 and GPL-3+ or in the public domain (its `copyright` file); it holds
them in Qt resource files:

    apt-get download gcompris-qt-data && dpkg-deb -x gcompris-qt-data_*.deb FOLDER
"""

import csv
import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import skimage

from image_tags.tasks.adapters.analyzers.local.pixels import Box
from image_tags.tasks.adapters.analyzers.local.taxonomy import load_taxonomy

TABLE = Path(__file__).with_name("judged_pictures.csv")
GCOMPRIS = "gcompris-qt-data"

_FOLDERS = {
    "scikit-image": Path(skimage.__file__).parent,
    "matplotlib": Path(matplotlib.__file__).parent,
}
_STARTS = re.compile(rb"RIFF....WEBP|\xff\xd8\xff", re.DOTALL)


@dataclass(frozen=True)
class Judged:
    """A picture and what is true of it: labels with their parents, and its main object's box."""

    name: str
    is_held_out: bool
    data: bytes
    labels: frozenset[str]
    box: Box | None


def is_held_out(digest: str) -> bool:
    """Whether a picture is in the half that is reported on; `digest` is its hash in hexadecimal."""
    return int(digest, 16) % 2 == 1


def load_judged(gcompris: Path | None) -> list[Judged]:
    """Load the judged pictures of the installed packages and, if given, of the unpacked one."""
    embedded = dict(_find_embedded(gcompris)) if gcompris else {}
    pictures = []
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            digest = row["sha256"]
            if row["package"] == GCOMPRIS:
                data = embedded.get(digest)
            else:
                data = (_FOLDERS[row["package"]] / row["file"]).read_bytes()
            if data is None:
                continue
            if _hash_data(data) != digest:
                raise SystemExit(f"{row['file']} is not the picture that was judged.")
            labels = frozenset(_add_parents(row["shows"].split("|")))
            pictures.append(
                Judged(
                    f"{row['file']} {digest[:6]}",
                    is_held_out(row["same_as"] or digest),
                    data,
                    labels,
                    _read_box(row["box"]),
                )
            )
    return pictures


def _find_embedded(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Find the WebP and JPEG files in Qt resource files, by the hash of each."""
    for path in sorted(folder.rglob("*.rcc")):
        data = path.read_bytes()
        for match in _STARTS.finditer(data):
            start = match.start()
            if match.group().startswith(b"RIFF"):
                (size,) = struct.unpack_from("<I", data, start + 4)
                size += 8
            else:  # the resource file has each one's length in front of it
                (size,) = struct.unpack_from(">I", data, start - 4)
            picture = data[start : start + size]
            yield _hash_data(picture), picture


def _hash_data(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _add_parents(names: list[str]) -> Iterator[str]:
    known = load_taxonomy()
    for name in filter(None, names):
        yield name
        if name in known.place:
            yield from known.labels[known.place[name]].ancestors


def _read_box(text: str) -> Box | None:
    if not text:
        return None
    left, top, right, bottom = (int(number) / 100 for number in text.split())
    return Box(left, top, right - left, bottom - top)
