"""The people whom the local analyzer recognises: a folder of `Name.jpg` or `Name/*.jpg`."""

import hashlib
import io
import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from image_tags.tasks.adapters.analyzers.local import faces
from image_tags.tasks.adapters.analyzers.local.cache import prepare_file
from image_tags.tasks.adapters.analyzers.local.faces import Face, Vector
from image_tags.tasks.adapters.analyzers.local.pixels import read_pixels
from image_tags.tasks.adapters.analyzers.local.versions import faces_version
from image_tags.tasks.contracts.errors import Rejected, UsageError

SAME_PERSON = 0.6
"""Distance of two vectors up to which they are taken to be one person: dlib's published limit."""

_STEEPNESS = 12.0

_TRIES = ((640, faces.LEAST_SCORE), (1280, faces.LEAST_SCORE), (320, 0.6), (640, 0.6))
"""Sides (px) and least scores with which a photo's face is looked for, until one is found.

An enrolled photo has a face, so a lower score will do.
"""


@dataclass(frozen=True)
class Person:
    """Someone to recognise. `id` follows from the name alone: it is the same in every gallery."""

    name: str
    vectors: tuple[Vector, ...]

    @property
    def id(self) -> str:
        """Letters and digits, as Rekognition's."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Gallery:
    """Everybody enrolled. `fingerprint` changes with any name or photo."""

    fingerprint: str
    people: tuple[Person, ...]

    def find_match(self, vector: Vector) -> tuple[Person, float] | None:
        """Find who this is, with the MatchConfidence (0-100); None if it is nobody enrolled."""
        near = [
            (min(float(np.linalg.norm(vector - known)) for known in p.vectors), p)
            for p in self.people
        ]
        distance, person = min(near, key=lambda pair: pair[0], default=(math.inf, None))
        return (
            None
            if person is None or distance > SAME_PERSON
            else (person, match_confidence(distance))
        )


def match_confidence(distance: float) -> float:
    """Turn a distance into a confidence (0-100).

    50 at the limit, 92 at 0.4, 99.6 for another rendition of the same photo (about 0.13).
    """
    return 100 / (1 + math.exp(_STEEPNESS * (distance - SAME_PERSON)))


def open_gallery(folder: str | None) -> Gallery:
    """Enrol everybody in the folder; nobody if there is none.

    A photo's vector is kept in the cache folder under the photo's hash, so that it is computed once
    per machine.

    Raises:
        UsageError: no such folder, no photo in it, or a photo that cannot be read or shows no face.

    """
    if folder is None:
        return Gallery("", ())
    photos = [
        (name, path, _read_bytes(path))
        for name, path in sorted(_list_photos(Path(folder).expanduser()))
    ]
    if not photos:
        raise UsageError(
            f"The people folder {folder!r} holds no photo: "
            "it needs Name.jpg or Name/*.jpg for each person."
        )
    digest = hashlib.sha256()
    vectors: dict[str, list[Vector]] = {}
    for name, path, data in photos:
        photo = hashlib.sha256(data).hexdigest()
        digest.update(f"{name}\0{photo}\n".encode())
        vectors.setdefault(name, []).append(_enrol_photo(path, photo, data))
    return Gallery(
        digest.hexdigest(), tuple(Person(name, tuple(known)) for name, known in vectors.items())
    )


def _list_photos(folder: Path) -> Iterator[tuple[str, Path]]:
    """List every photo with its person's name."""
    if not folder.is_dir():
        raise UsageError(f"The people folder {str(folder)!r} does not exist.")
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from (
                (_read_name(entry.name), path) for path in entry.iterdir() if _is_photo(path)
            )
        elif _is_photo(entry):
            yield _read_name(entry.stem), entry


def _is_photo(path: Path) -> bool:
    readable = {
        suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN
    }
    return path.is_file() and not path.name.startswith(".") and path.suffix.lower() in readable


def _read_name(stem: str) -> str:
    """Turn `Grace_Hopper` into Grace Hopper, also where a file system decomposes letters."""
    return unicodedata.normalize("NFC", " ".join(stem.replace("_", " ").split()))


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"The photo {str(path)!r} cannot be read: {error.strerror}.") from None


def _enrol_photo(path: Path, photo: str, data: bytes) -> Vector:
    def describe_photo() -> bytes:
        file = io.BytesIO()
        np.save(file, faces.describe_face(_largest_face(path, data)), allow_pickle=False)
        return file.getvalue()

    vector: Vector = np.load(
        prepare_file(f"people/{photo}-{faces_version().replace('/', '-')}.npy", describe_photo),
        allow_pickle=False,
    )
    return vector


def _largest_face(path: Path, data: bytes) -> Face:
    try:
        pixels = read_pixels(data)
    except Rejected:
        raise UsageError(f"The photo {str(path)!r} cannot be read as a picture.") from None
    for side, least in _TRIES:
        found = faces.find_faces(pixels, side, least)
        if found:
            return found[0]
    raise UsageError(
        f"No face was found in the photo {str(path)!r}: use one that shows the face well."
    )
