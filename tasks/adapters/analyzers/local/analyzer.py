"""The local analyzer: answers in Rekognition's response shape from models that ship inside
packages.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from image_tags.tasks.adapters.analyzers.local.packages import require_packages
from image_tags.tasks.adapters.analyzers.local.shared import Shared, run_once
from image_tags.tasks.adapters.analyzers.local.versions import model_version
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.errors import LinkError, Passing, UsageError
from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Answer, JsonObject, Picture
from image_tags.tasks.contracts.settings import AnalysisSettings

if TYPE_CHECKING:  # the models' packages are slow to import and need not be installed
    from image_tags.tasks.adapters.analyzers.local.faces import Face
    from image_tags.tasks.adapters.analyzers.local.gallery import Gallery
    from image_tags.tasks.adapters.analyzers.local.pixels import Rgb


class LocalAnalyzer:
    """An `Analyzer` on this machine.

    Cheap to make: a model loads at its first use, once a process.
    """

    name = "local"
    operations = ("detect_labels", "detect_text", "recognize_celebrities", "detect_faces")
    """What can be asked; the others have no local model."""

    def __init__(self, settings: AnalysisSettings, store: Store) -> None:
        """Raises UsageError if the packages are missing or the settings ask for what only
        Rekognition has.
        """
        require_packages()
        if settings.image_properties:
            raise UsageError(
                "The local analyzer does not measure image properties: leave out --image-properties."
            )
        if settings.face_attributes != "DEFAULT":
            raise UsageError(
                "The local analyzer knows no face attributes: leave out --face-attributes."
            )
        self._settings = settings
        self._store = store
        self._gallery = run_once(self._open_gallery)
        # Three operations ask about the same picture, from different threads and often one soon
        # after the other.
        self._pixels: Shared[str, Rgb] = Shared(16)
        self._faces: Shared[str, list[Face]] = Shared(256)
        self._ask: dict[str, Callable[[Picture], Answer]] = {
            "detect_labels": self._answer_labels,
            "detect_text": self._answer_text,
            "recognize_celebrities": self._answer_celebrities,
            "detect_faces": self._answer_faces,
        }

    def settings_of(self, operation: str) -> JsonObject:
        """The models, what is asked of them and, where people are recognised, who is enrolled: a
        bad photo shows here.
        """
        request = OPERATIONS[self._require_known(operation)].request(self._settings)
        settings = {"analyzer": self.name, "model": model_version(operation), "request": request}
        if operation == "recognize_celebrities":
            settings["people"] = self._gallery().fingerprint
        return settings

    def threads(self, operation: str) -> int:  # noqa: ARG002 - each model keeps one core busy
        """As many as there are cores, unless the settings say."""
        return self._settings.analyzer_threads or _count_cores()

    def refusal(self, operation: str, picture: Picture) -> LinkError | None:  # noqa: ARG002
        """The models take a picture of any size."""
        return None

    def answer(self, operation: str, picture: Picture) -> Answer:
        """See Analyzer. UsageError for an operation without a local model."""
        return self._ask[self._require_known(operation)](picture)

    def _require_known(self, operation: str) -> str:
        if operation not in self.operations:
            raise UsageError(
                f"The local analyzer has no model for {operation}: leave it out or use --analyzer rekognition."
            )
        return operation

    def _answer_labels(self, picture: Picture) -> Answer:
        from image_tags.tasks.adapters.analyzers.local import answers, classifier

        found = answers.build_labels(
            classifier.class_probabilities(self._read_pixels(picture)),
            self._find_faces(picture),
            self._settings,
        )
        return self._add_version("detect_labels", found)

    def _answer_text(self, picture: Picture) -> Answer:
        from image_tags.tasks.adapters.analyzers.local import answers, text

        return self._add_version(
            "detect_text",
            answers.build_text(
                text.load_reader().read_lines(self._read_pixels(picture)), self._settings
            ),
        )

    def _answer_celebrities(self, picture: Picture) -> Answer:
        from image_tags.tasks.adapters.analyzers.local import answers, faces

        found = self._find_faces(picture)[: answers.MOST_CELEBRITIES]
        gallery = self._gallery()
        matches = [
            gallery.find_match(faces.describe_face(face)) if gallery.people else None
            for face in found
        ]
        return self._add_version("recognize_celebrities", answers.build_celebrities(found, matches))

    def _answer_faces(self, picture: Picture) -> Answer:
        from image_tags.tasks.adapters.analyzers.local import answers

        return self._add_version(
            "detect_faces", answers.build_face_details(self._find_faces(picture))
        )

    def _add_version(self, operation: str, response: JsonObject) -> Answer:
        version, member = model_version(operation), OPERATIONS[operation].version
        return Answer({**response, member: version} if member else response, model_version=version)

    def _read_pixels(self, picture: Picture) -> "Rgb":
        from image_tags.tasks.adapters.analyzers.local.pixels import read_pixels

        return self._pixels.get(picture.key, lambda: read_pixels(self._read_bytes(picture)))

    def _find_faces(self, picture: Picture) -> "list[Face]":
        from image_tags.tasks.adapters.analyzers.local.faces import find_faces

        return self._faces.get(picture.key, lambda: find_faces(self._read_pixels(picture)))

    def _open_gallery(self) -> "Gallery":
        from image_tags.tasks.adapters.analyzers.local.gallery import open_gallery

        return open_gallery(self._settings.people)

    def _read_bytes(self, picture: Picture) -> bytes:
        try:
            return self._store.read(picture.key)
        except NotInStore as error:
            raise Passing(
                Reason.ANALYZER_UNAVAILABLE, f"the picture is gone from the store: {error}"
            ) from None


def _count_cores() -> int:
    """Cores that this process may use, where the system says; else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
