"""The local analyzer: Rekognition's response shape, from models that ship inside packages."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from image_tags.tasks.adapters.analyzers.local.packages import require_packages
from image_tags.tasks.adapters.analyzers.local.shared import run_once
from image_tags.tasks.adapters.analyzers.local.versions import model_version
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.errors import LinkError, UsageError
from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.records import Answer, JsonObject, Picture
from image_tags.tasks.contracts.settings import AnalysisSettings

# The models' packages take 2 s to import and need not be installed to import this module, so the
# methods below import what they use.
if TYPE_CHECKING:
    from image_tags.tasks.adapters.analyzers.local.gallery import Gallery
    from image_tags.tasks.adapters.analyzers.local.perception import Perception


class LocalAnalyzer:
    """An `Analyzer` on this machine.

    Cheap to make: a model is loaded when it is first used, once per process.
    """

    name = "local"
    operations = tuple(OPERATIONS)
    """What can be asked: everything."""

    def __init__(self, settings: AnalysisSettings, store: Store) -> None:
        """Prepare without loading a model.

        Raises:
            UsageError: packages are missing, or the settings ask for what only Rekognition has.

        """
        require_packages()
        if settings.image_properties:
            raise UsageError(
                "The local analyzer does not measure image properties: "
                "leave out --image-properties."
            )
        if settings.face_attributes != "DEFAULT":
            raise UsageError(
                "The local analyzer does not know age, emotions or other face attributes: "
                "leave out --face-attributes."
            )
        self._settings = settings
        self._store = store
        self._load_gallery = run_once(self._open_gallery)
        self._load_perception = run_once(self._open_perception)
        self._answer_by: dict[str, Callable[[Picture], JsonObject]] = {
            "detect_labels": self._answer_labels,
            "detect_text": self._answer_text,
            "recognize_celebrities": self._answer_celebrities,
            "detect_moderation_labels": self._answer_moderation,
            "detect_faces": self._answer_faces,
        }

    def settings_of(self, operation: str) -> JsonObject:
        """The models, what is asked of them and, where people are recognised, who is enrolled.

        Reads the enrolled photos: UsageError for one that shows no face.
        """
        request = OPERATIONS[operation].request(self._settings)
        settings = {"analyzer": self.name, "model": model_version(operation), "request": request}
        if operation == "recognize_celebrities":
            settings["people"] = self._load_gallery().fingerprint
        return settings

    def threads(self, operation: str) -> int:  # noqa: ARG002 - each model keeps one core busy
        """As many as there are cores, unless the settings give a number."""
        return self._settings.analyzer_threads or _count_cores()

    def refusal(self, operation: str, picture: Picture) -> LinkError | None:  # noqa: ARG002
        """None: the models take a picture of any size."""
        return None

    def answer(self, operation: str, picture: Picture) -> Answer:
        """See Analyzer."""
        response = self._answer_by[operation](picture)
        version, member = model_version(operation), OPERATIONS[operation].version
        return Answer({**response, member: version} if member else response, model_version=version)

    def _answer_labels(self, picture: Picture) -> JsonObject:
        from image_tags.tasks.adapters.analyzers.local.label_answers import build_labels

        seen = self._load_perception()
        return build_labels(seen.get_classes(picture), seen.get_faces(picture), self._settings)

    def _answer_text(self, picture: Picture) -> JsonObject:
        from image_tags.tasks.adapters.analyzers.local.text import load_reader
        from image_tags.tasks.adapters.analyzers.local.text_answers import build_text

        pixels = self._load_perception().get_pixels(picture)
        return build_text(load_reader().read_lines(pixels), self._settings)

    def _answer_celebrities(self, picture: Picture) -> JsonObject:
        from image_tags.tasks.adapters.analyzers.local import face_answers
        from image_tags.tasks.adapters.analyzers.local.faces import describe_face

        found = self._load_perception().get_faces(picture)[: face_answers.MOST_CELEBRITIES]
        gallery = self._load_gallery()
        matches = [
            gallery.find_match(describe_face(face)) if gallery.people else None for face in found
        ]
        return face_answers.build_celebrities(found, matches)

    def _answer_moderation(self, picture: Picture) -> JsonObject:
        from image_tags.tasks.adapters.analyzers.local.label_answers import build_moderation_labels
        from image_tags.tasks.adapters.analyzers.local.moderation import score_explicit

        seen = self._load_perception()
        explicit = score_explicit(seen.get_pixels(picture))
        return build_moderation_labels(explicit, seen.get_classes(picture), self._settings)

    def _answer_faces(self, picture: Picture) -> JsonObject:
        from image_tags.tasks.adapters.analyzers.local.face_answers import build_face_details

        return build_face_details(self._load_perception().get_faces(picture))

    def _open_gallery(self) -> "Gallery":
        from image_tags.tasks.adapters.analyzers.local.gallery import open_gallery

        return open_gallery(self._settings.people)

    def _open_perception(self) -> "Perception":
        from image_tags.tasks.adapters.analyzers.local.perception import Perception

        return Perception(self._store)


def _count_cores() -> int:
    """Count the cores that this process may use, where the system tells; else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
