"""Made-up responses, entries and analyzers for tests of the steps."""

import hashlib
from collections import Counter
from datetime import UTC, datetime
from threading import Lock

from image_tags.tasks.adapters.ledger.entry import Entry, Refusal
from image_tags.tasks.contracts.records import Answer, Fetched, Picture

LABELS, TEXT, PEOPLE = "detect_labels", "detect_text", "recognize_celebrities"


def image_id(name):
    return hashlib.sha256(name.encode()).hexdigest()


def picture(name, side=100):
    one = image_id(name)
    return Picture(one, f"images/{one[:2]}/{one}.png", 1000, side, side)


def fetched(url, name=None):
    return Fetched(url, picture(name or url), "PNG", 1000, time=1.0)


def labels_response(*names):
    return {
        "Labels": [{"Name": name, "Confidence": 90.0 - at} for at, name in enumerate(names)],
        "LabelModelVersion": "3.0",
    }


def text_response(*words):
    return {
        "TextDetections": [
            {"DetectedText": w, "Type": "WORD", "Id": n, "Confidence": 99.0}
            for n, w in enumerate(words)
        ]
    }


def people_response(*names):
    return {
        "CelebrityFaces": [{"Name": name, "Id": name, "MatchConfidence": 97.0} for name in names],
        "UnrecognizedFaces": [],
    }


RESPONSES = {
    LABELS: labels_response("Cat", "Animal"),
    TEXT: text_response("hello"),
    PEOPLE: people_response(),
}


def entry(image, operation, response=None, *, run="r1", reason=None, detail="no"):
    refusal = Refusal(reason, detail) if reason else None
    given = None if refusal else (response if response is not None else RESPONSES[operation])
    return Entry(
        image_id=image,
        model_version="1",
        answered=datetime(2026, 1, 1, tzinfo=UTC),
        run=run,
        remark=None,
        response=given,
        refusal=refusal,
    )


class MadeAnalyzer:
    """Answers from a table and counts what it was asked; an exception in the table is raised."""

    name = "rekognition"

    def __init__(self, answers=None, refusals=None):
        self.answers, self.refusals = answers or {}, refusals or {}
        self.asked, self._lock = Counter(), Lock()

    def settings_of(self, operation):
        return {"analyzer": self.name, "operation": operation}

    def threads(self, operation):
        return 4

    def refusal(self, operation, picture):
        return self.refusals.get((operation, picture.image_id))

    def answer(self, operation, picture):
        with self._lock:
            self.asked[operation, picture.image_id] += 1
        given = self.answers.get((operation, picture.image_id), RESPONSES[operation])
        if isinstance(given, Exception):
            raise given
        return Answer(given, model_version="1")
