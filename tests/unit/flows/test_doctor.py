"""The doctor on a folder, and how it speaks.

On S3 and Rekognition: tests/integration/test_doctor.py.
"""

from io import BytesIO

import pytest
from PIL import Image

from image_tags.flows import doctor
from image_tags.flows.doctor import draw_tiny_picture, run_doctor
from image_tags.flows.doctor_checks import Check, close_checkup, render_check
from image_tags.tasks.contracts.errors import Rejected, StopRun, Transient, UsageError
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Answer
from image_tags.tasks.contracts.settings import AnalysisSettings, StoreSettings


class Local:
    """An analyzer that costs nothing and does as told."""

    name = "local"

    def __init__(self, store, outcome):
        self.store, self.outcome = store, outcome

    def answer(self, operation, picture):
        assert len(self.store.read(picture.key)) == picture.size
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def look(tmp_path, monkeypatch):
    def examine(outcome=None, **analysis):
        monkeypatch.setattr(
            doctor,
            "open_analyzer",
            lambda settings, store, region: Local(store, outcome or Answer({}, "m1")),
        )
        store = StoreSettings(store=str(tmp_path / "store"))
        settings = AnalysisSettings(**{"operations": ("detect_labels",), **analysis})
        return {check.name: check for check in run_doctor(store, settings)}

    return examine


def test_a_folder_and_local_models_are_good_to_go(look, tmp_path):
    checks = look()
    assert list(checks) == ["write", "read", "list", "delete", "detect_labels"]
    assert all(check.ok for check in checks.values())
    assert checks["detect_labels"].message == "answers (model m1)"
    assert close_checkup(checks.values()) == "Good to go."
    assert [
        path for path in (tmp_path / "store").rglob("*") if path.is_file() and path.name != ".lock"
    ] == []


@pytest.mark.parametrize(
    ("outcome", "ok"),
    [
        (Transient(Reason.THROTTLED, "slow down"), True),
        (Transient(Reason.ANALYZER_UNAVAILABLE, "no answer"), False),
        (Rejected(Reason.REFUSED_BY_ANALYZER, "no"), False),
        (StopRun("Not allowed: ask for it."), False),
        (UsageError("No model: leave it out."), False),
    ],
)
def test_an_operation_is_as_well_as_its_answer(look, outcome, ok):
    check = look(outcome)["detect_labels"]
    assert check.ok is ok
    assert bool(check.fix) is not ok


def test_an_unknown_operation_is_named(look):
    check = look(operations=("detect_lables",))["detect_lables"]
    assert check.ok is False
    assert "detect_labels" in check.fix


def test_missing_packages_are_named_with_the_way_to_install_them(tmp_path, monkeypatch):
    def missing(*_):
        raise UsageError(
            "The local analyzer needs packages that are not installed (dlib): "
            "run pip install 'image-tags[local]'."
        )

    monkeypatch.setattr(doctor, "open_analyzer", missing)
    *_, last = run_doctor(StoreSettings(store=str(tmp_path)), AnalysisSettings())
    assert last == Check(
        "analyzer",
        False,
        "The local analyzer needs packages that are not installed (dlib)",
        "Run pip install 'image-tags[local]'.",
    )


def test_a_store_that_cannot_be_written_ends_the_examination(tmp_path):
    (tmp_path / "file").write_text("in the way")
    checks = list(run_doctor(StoreSettings(store=str(tmp_path / "file")), AnalysisSettings()))
    assert [(check.name, check.ok) for check in checks] == [("write", False)]
    assert close_checkup(checks) == "Not yet: write."


def test_a_check_is_a_line_and_its_fix_another():
    assert render_check(Check("bucket", True, "b is there")) == [
        "ok    bucket                      b is there"
    ]
    assert render_check(Check("detect_faces", None, "not asked")) == [
        "--    detect_faces                not asked"
    ]
    assert render_check(Check("bucket", False, "There is no bucket 'b'", "Create it.")) == [
        "FAIL  bucket                      There is no bucket 'b'",
        "                                  Fix: Create it.",
    ]


def test_only_failures_stand_in_the_way():
    well, unknown, wrong = Check("a", True, ""), Check("b", None, ""), Check("c", False, "")
    assert close_checkup([well, unknown]) == "Good to go."
    assert close_checkup([well, wrong, Check("d", False, "")]) == "Not yet: c, d."


def test_the_tiny_picture_is_one_that_rekognition_takes():
    with Image.open(BytesIO(draw_tiny_picture())) as picture:
        assert picture.format == "JPEG"
        assert min(picture.size) >= 80
