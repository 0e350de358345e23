"""Checks for `image-tags doctor`: whether everything that a run needs exists and works."""

import uuid
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO

from PIL import Image

from image_tags.flows.doctor_checks import Check, make_failure
from image_tags.tasks.adapters.analyzers.analyzer import Analyzer
from image_tags.tasks.adapters.store import s3_account as account
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.errors import ImageTagsError, LinkError, Transient
from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import AnalysisSettings, StoreSettings
from image_tags.tasks.execution.resources import open_analyzer

SIDE = 160
"""px of the tiny picture; Rekognition asks for 80 at least."""


def run_doctor(
    store: StoreSettings,
    analysis: AnalysisSettings,
    *,
    spend: bool = False,
    create_bucket: bool = False,
) -> Iterator[Check]:
    """Check everything that a run with these settings needs, in the order of first use.

    Checks that cannot succeed before an earlier one is fixed are left out.

    Args:
        store: where everything is kept.
        analysis: the analyzer and its operations.
        spend: make one paid call per operation, on a tiny built-in picture.
        create_bucket: create the bucket if it does not exist, with public access blocked.

    """
    on_s3 = store.store.startswith("s3://")
    opened = cache(lambda: open_impatiently(store))
    examinations: list[Callable[[], Iterator[Check]]] = [lambda: _check_objects(opened())]
    if on_s3:
        examinations.insert(0, lambda: _check_bucket(opened(), create_bucket))
    if on_s3 or analysis.analyzer == "rekognition":
        examinations.insert(0, lambda: _check_credentials(opened, store.region))
    examinations.append(lambda: _check_analyzer(opened, analysis, store.region, spend))
    for examine in examinations:
        is_well = True
        for check in examine():
            yield check
            is_well = is_well and check.ok is not False
        if not is_well:
            return


def open_impatiently(settings: StoreSettings) -> Store:
    """The store; on S3 one that does not retry, so that the doctor answers at once."""
    if settings.store.startswith("s3://"):
        return S3Store(settings, patience=0)
    return open_store(settings)


def _check_credentials(opened: Callable[[], Store], region: str | None) -> Iterator[Check]:
    try:
        origin = f"from {account.credentials_kind()}"
        if account.is_elsewhere(opened()):
            owner = "the S3 server is not Amazon's, so no account is looked up"
        else:
            owner = account.identity(region) or "the account could not be determined"
    except ImageTagsError as error:
        yield make_failure("credentials", error)
    else:
        yield Check("credentials", True, f"{origin}; {owner}")


def _check_bucket(store: Store, create: bool) -> Iterator[Check]:
    assert isinstance(store, S3Store)  # noqa: S101 - only called for s3:// addresses
    is_new = False
    try:
        try:
            home = account.bucket_region(store)
        except account.NoBucket:
            if not create:
                raise
            account.create_bucket(store)
            is_new, home = True, account.bucket_region(store)
    except ImageTagsError as error:
        yield make_failure("bucket", error)
        return
    state = "was created" if is_new else "exists"
    yield Check("bucket", True, f"{store.bucket} {state}{f', in {home}' if home else ''}")
    # An existing bucket is left as its owner has set it up.
    if is_new:
        yield _block_public_access(store)


def _block_public_access(store: S3Store) -> Check:
    try:
        account.block_public_access(store)
    except ImageTagsError as error:
        # Servers that are not Amazon's need not have public access to block.
        if account.is_elsewhere(store):
            return Check("public access", None, str(error))
        return make_failure("public access", error)
    return Check("public access", True, "blocked")


def _check_objects(store: Store) -> Iterator[Check]:
    """Write, read, list and delete one small object."""
    key = f".check/{uuid.uuid4().hex}"

    def add_only_once() -> bool:
        return store.add(key, b"ok", "text/plain") and not store.add(key, b"again", "text/plain")

    def delete() -> bool:
        store.delete(key)
        return not store.exists(key)

    steps: list[tuple[str, Callable[[], bool]]] = [
        ("write", add_only_once),
        ("read", lambda: store.read(key) == b"ok"),
        ("list", lambda: key in store.keys(".check/")),
        ("delete", delete),
    ]
    for name, step in steps:
        try:
            succeeded = step()
        except NotInStore:
            succeeded = False
        except ImageTagsError as error:
            yield make_failure(name, error)
            if name == "write":
                return
            continue
        if succeeded:
            yield Check(name, True, f"{store.address} allows it")
        else:
            fix = "Use a folder, S3, or a server that keeps objects and honours If-None-Match."
            yield Check(name, False, f"{store.address} does not do this as a store must", fix)


def _check_analyzer(
    opened: Callable[[], Store], analysis: AnalysisSettings, region: str | None, spend: bool
) -> Iterator[Check]:
    try:
        store = opened()
        analyzer = open_analyzer(analysis, store, region)
    except ImageTagsError as error:
        yield make_failure("analyzer", error)
        return
    is_paid = analyzer.name == "rekognition"
    if is_paid:
        yield _check_region(store, str(getattr(analyzer, "region", "")))
    for operation in analysis.operations:
        if operation not in OPERATIONS:
            fix = f"Choose from {', '.join(OPERATIONS)}."
            yield Check(operation, False, "there is no such operation", fix)
        elif is_paid and not spend:
            message = "not called, as every call is billed; --spend makes one call to check it"
            yield Check(operation, None, message)
        else:
            # An analyzer stops at the first refusal, which proves nothing about other operations.
            fresh = open_analyzer(analysis, store, region) if is_paid else analyzer
            yield _check_operation(store, fresh, operation)


def _check_region(store: Store, requested: str) -> Check:
    if store.bucket_and_key("") is None:
        message = f"Rekognition is called in {requested} and gets the pictures with the calls"
        return Check("region", True, message)
    home = account.bucket_region(store) if isinstance(store, S3Store) else None
    if home is None:
        message = f"the server does not tell the bucket's region; Rekognition is in {requested}"
        return Check("region", None, message)
    if home != requested:
        message = f"the bucket is in {home}, Rekognition is called in {requested}"
        return Check("region", False, message, f"Use --region {home}, or a bucket in {requested}.")
    return Check("region", True, f"bucket and Rekognition are both in {home}")


def _check_operation(store: Store, analyzer: Analyzer, operation: str) -> Check:
    data = draw_tiny_picture()
    picture = Picture("0" * 64, f".check/{uuid.uuid4().hex}.jpg", len(data), SIDE, SIDE)
    try:
        store.write(picture.key, data, "image/jpeg")
        try:
            answer = analyzer.answer(operation, picture)
        finally:
            store.delete(picture.key)
    except Transient as error:
        if error.reason is Reason.THROTTLED:
            return Check(operation, True, "allowed, but throttled just now")
        fix = "Try again in a minute; check the network and the region."
        return Check(operation, False, error.detail, fix)
    except LinkError as error:
        fix = "See the service's message about the picture, which is valid."
        return Check(operation, False, error.detail, fix)
    except ImageTagsError as error:
        return make_failure(operation, error)
    version = f" (model {answer.model_version})" if answer.model_version else ""
    return Check(operation, True, f"answers{version}")


def draw_tiny_picture() -> bytes:
    """A grey square as JPEG."""
    file = BytesIO()
    Image.new("RGB", (SIDE, SIDE), "grey").save(file, "JPEG")
    return file.getvalue()
