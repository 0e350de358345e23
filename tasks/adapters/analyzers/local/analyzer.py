"""The local analyzer: Rekognition's response shape, from models that ship inside packages."""

import os
from typing import TYPE_CHECKING

from image_tags.tasks.adapters.analyzers.local.packages import require_packages
from image_tags.tasks.adapters.analyzers.local.versions import model_version
from image_tags.tasks.adapters.single_flight import run_once
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.errors import LinkError, UsageError
from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.records import Answer, JsonObject, Picture
from image_tags.tasks.contracts.settings import AnalysisSettings

if TYPE_CHECKING:
    from image_tags.tasks.adapters.analyzers.local.answers import LocalAnswers


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
        self._load_answers = run_once(self._open_answers)

    def settings_of(self, operation: str) -> JsonObject:
        """The models, what is asked of them and, where people are recognised, who is enrolled.

        Reads the enrolled photos: UsageError for one that shows no face.
        """
        request = OPERATIONS[operation].request(self._settings)
        settings = {"analyzer": self.name, "model": model_version(operation), "request": request}
        if operation == "recognize_celebrities":
            settings["people"] = self._load_answers().load_gallery().fingerprint
        return settings

    def threads(self, operation: str) -> int:  # noqa: ARG002 - each model keeps one core busy
        """As many as there are cores, unless the settings give a number."""
        return self._settings.analyzer_threads or _count_cores()

    def refusal(self, operation: str, picture: Picture) -> LinkError | None:  # noqa: ARG002
        """None: the models take a picture of any size."""
        return None

    def answer(self, operation: str, picture: Picture) -> Answer:
        """See Analyzer."""
        response = self._load_answers().answer(operation, picture)
        version, member = model_version(operation), OPERATIONS[operation].version
        return Answer({**response, member: version} if member else response, model_version=version)

    def _open_answers(self) -> "LocalAnswers":
        # Half a second to import, of packages that need not be installed to import this module.
        from image_tags.tasks.adapters.analyzers.local.answers import LocalAnswers

        return LocalAnswers(self._settings, self._store)


def _count_cores() -> int:
    """Count the cores that this process may use, where the system tells; else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
