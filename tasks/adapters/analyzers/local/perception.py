"""What the models see in a picture, kept for a while: several operations ask about the same one."""

from image_tags.tasks.adapters.analyzers.local.classifier import Classification, classify_picture
from image_tags.tasks.adapters.analyzers.local.faces import Face, find_faces
from image_tags.tasks.adapters.analyzers.local.pixels import Rgb, read_pixels
from image_tags.tasks.adapters.analyzers.local.taxonomy import load_taxonomy
from image_tags.tasks.adapters.single_flight import SingleFlight
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.errors import Transient
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Picture

SURELY_ANIMAL = 0.5
"""Probability from which a picture counts as one of an animal, whose muzzle is no face."""


class Perception:
    """Pixels, classes and faces of the pictures in a store.

    Operations ask about one picture from different threads, often one soon after the other.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pixels: SingleFlight[str, Rgb] = SingleFlight(16)
        self._classes: SingleFlight[str, Classification] = SingleFlight(64)
        self._faces: SingleFlight[str, list[Face]] = SingleFlight(256)

    def get_pixels(self, picture: Picture) -> Rgb:
        """Read the picture. Rejected if its bytes are none."""
        return self._pixels.get(picture.key, lambda: read_pixels(self._read_bytes(picture)))

    def get_classes(self, picture: Picture) -> Classification:
        """Classify the picture."""
        return self._classes.get(picture.key, lambda: classify_picture(self.get_pixels(picture)))

    def get_faces(self, picture: Picture) -> list[Face]:
        """Find the faces, largest first."""
        return self._faces.get(
            picture.key,
            lambda: find_faces(
                self.get_pixels(picture),
                shows_animal=lambda: shows_animal(self.get_classes(picture)),
            ),
        )

    def _read_bytes(self, picture: Picture) -> bytes:
        try:
            return self._store.read(picture.key)
        except NotInStore as error:
            raise Transient(
                Reason.ANALYZER_UNAVAILABLE, f"the picture is gone from the store: {error}"
            ) from None


def shows_animal(seen: Classification) -> bool:
    """Whether the classifier takes the picture for one of an animal."""
    known = load_taxonomy()
    return bool(known.sum_probabilities(seen.probabilities)[known.place["Animal"]] >= SURELY_ANIMAL)
