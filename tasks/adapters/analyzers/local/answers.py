"""The local analyzer's answer to each operation.

The models' packages take half a second to import and need not be installed: `analyzer.py` imports
this module when it is first asked.
"""

from collections.abc import Callable

from image_tags.tasks.adapters.analyzers.local.face_answers import (
    MOST_CELEBRITIES,
    build_celebrities,
    build_face_details,
)
from image_tags.tasks.adapters.analyzers.local.faces import describe_face
from image_tags.tasks.adapters.analyzers.local.gallery import open_gallery
from image_tags.tasks.adapters.analyzers.local.label_answers import (
    build_labels,
    build_moderation_labels,
)
from image_tags.tasks.adapters.analyzers.local.moderation import score_explicit
from image_tags.tasks.adapters.analyzers.local.perception import Perception
from image_tags.tasks.adapters.analyzers.local.text import load_reader
from image_tags.tasks.adapters.analyzers.local.text_answers import build_text
from image_tags.tasks.adapters.single_flight import run_once
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.records import JsonObject, Picture
from image_tags.tasks.contracts.settings import AnalysisSettings


class LocalAnswers:
    """Responses in Rekognition's shape, without the model's version. Thread-safe."""

    def __init__(self, settings: AnalysisSettings, store: Store) -> None:
        self._settings = settings
        self._seen = Perception(store)
        self.load_gallery = run_once(lambda: open_gallery(settings.people))
        """Everybody enrolled; UsageError for a photo that shows no face."""
        self._answer_by: dict[str, Callable[[Picture], JsonObject]] = {
            "detect_labels": self._answer_labels,
            "detect_text": self._answer_text,
            "recognize_celebrities": self._answer_celebrities,
            "detect_moderation_labels": self._answer_moderation,
            "detect_faces": self._answer_faces,
        }

    def answer(self, operation: str, picture: Picture) -> JsonObject:
        """The response to an operation on a picture."""
        return self._answer_by[operation](picture)

    def _answer_labels(self, picture: Picture) -> JsonObject:
        classes, faces = self._seen.get_classes(picture), self._seen.get_faces(picture)
        return build_labels(classes, faces, self._settings)

    def _answer_text(self, picture: Picture) -> JsonObject:
        lines = load_reader().read_lines(self._seen.get_pixels(picture))
        return build_text(lines, self._settings)

    def _answer_celebrities(self, picture: Picture) -> JsonObject:
        found = self._seen.get_faces(picture)[:MOST_CELEBRITIES]
        gallery = self.load_gallery()
        matches = [
            gallery.find_match(describe_face(face)) if gallery.people else None for face in found
        ]
        return build_celebrities(found, matches)

    def _answer_moderation(self, picture: Picture) -> JsonObject:
        explicit = score_explicit(self._seen.get_pixels(picture))
        return build_moderation_labels(explicit, self._seen.get_classes(picture), self._settings)

    def _answer_faces(self, picture: Picture) -> JsonObject:
        return build_face_details(self._seen.get_faces(picture))
