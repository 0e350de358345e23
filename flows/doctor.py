"""Is everything there that a run needs? One check a line, each failure with its fix, for
`image-tags doctor`.
"""

import uuid
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, cast

from PIL import Image

from image_tags.flows.doctor_checks import Check, closing, failed, render
from image_tags.tasks.adapters.analyzers.analyzer import Analyzer
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.errors import ImageTagsError, LinkError, Passing
from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import AnalysisSettings, StoreSettings
from image_tags.tasks.execution.resources import open_analyzer

if TYPE_CHECKING:
    from image_tags.tasks.adapters.store.s3 import S3Store

__all__ = ["Check", "closing", "render", "run_doctor"]

SIDE = 160
"""px of the tiny picture; Rekognition asks for 80 at least."""


def run_doctor(
    store: StoreSettings,
    analysis: AnalysisSettings,
    *,
    spend: bool = False,
    create_bucket: bool = False,
) -> Iterator[Check]:
    """Look at everything that a run with these settings needs, in the order in which it would meet
    it.

    What cannot work before something else is fixed is left out.

    Args:
        store: where everything is kept.
        analysis: who is asked, and what.
        spend: make one paid call an operation, on a tiny built-in picture.
        create_bucket: make the bucket if it is not there, with public access blocked.

    """
    on_s3 = store.store.startswith("s3://")
    opened = cache(lambda: _opened(store))
    looks: list[Callable[[], Iterator[Check]]] = [lambda: _objects(opened())]
    if on_s3:
        looks.insert(0, lambda: _bucket(cast("S3Store", opened()), create_bucket))
    if on_s3 or analysis.analyzer == "rekognition":
        looks.insert(0, lambda: _credentials(opened, store.region))
    looks.append(lambda: _analyzer(opened, analysis, store.region, spend))
    for look in looks:
        well = True
        for check in look():
            yield check
            well = well and check.ok is not False
        if not well:
            return


def _opened(settings: StoreSettings) -> Store:
    if not settings.store.startswith("s3://"):
        return open_store(settings)
    from image_tags.tasks.adapters.store.s3 import S3Store  # boto3 is slow to import

    return S3Store(settings, patience=0)


def _credentials(opened: Callable[[], Store], region: str | None) -> Iterator[Check]:
    from image_tags.tasks.adapters.store import s3_account as account

    try:
        found = f"from {account.credentials_kind()}"
        if account.is_elsewhere(opened()):
            who = "the S3 server is not Amazon's, so no account is asked for"
        else:
            who = account.identity(region) or "which account could not be asked"
    except ImageTagsError as error:
        yield failed("credentials", error)
    else:
        yield Check("credentials", True, f"{found}; {who}")


def _bucket(store: "S3Store", create: bool) -> Iterator[Check]:
    from image_tags.tasks.adapters.store import s3_account as account

    made = False
    try:
        try:
            home = account.bucket_region(store)
        except account.NoBucket:
            if not create:
                raise
            account.create_bucket(store)
            made, home = True, account.bucket_region(store)
    except ImageTagsError as error:
        yield failed("bucket", error)
        return
    yield Check(
        "bucket",
        True,
        f"{store.bucket} {'was made' if made else 'is there'}{f', in {home}' if home else ''}",
    )
    if not made:  # what somebody else has set up is left as it is
        return
    try:
        account.block_public_access(store)
    except ImageTagsError as error:
        # Servers that are not Amazon's need not have public access to block.
        yield (
            Check("public access", None, str(error))
            if account.is_elsewhere(store)
            else failed("public access", error)
        )
    else:
        yield Check("public access", True, "blocked")


def _objects(store: Store) -> Iterator[Check]:
    """Put, read, list and remove one small object."""
    key = f".check/{uuid.uuid4().hex}"

    def gone() -> bool:
        store.delete(key)
        return not store.exists(key)

    steps: list[tuple[str, Callable[[], bool]]] = [
        (
            "write",
            lambda: (
                store.add(key, b"ok", "text/plain") and not store.add(key, b"again", "text/plain")
            ),
        ),
        ("read", lambda: store.read(key) == b"ok"),
        ("list", lambda: key in store.keys(".check/")),
        ("delete", gone),
    ]
    for name, step in steps:
        try:
            good = step()
        except NotInStore:
            good = False
        except ImageTagsError as error:
            yield failed(name, error)
            if name == "write":
                return
            continue
        fix = (
            ""
            if good
            else "Use a folder, S3, or a server that keeps what it is given and honours If-None-Match."
        )
        yield Check(
            name,
            good,
            f"{store.address} {'allows it' if good else 'does not do it as a store must'}",
            fix,
        )


def _analyzer(
    opened: Callable[[], Store], analysis: AnalysisSettings, region: str | None, spend: bool
) -> Iterator[Check]:
    try:
        store = opened()
        analyzer = open_analyzer(analysis, store, region)
    except ImageTagsError as error:
        yield failed("analyzer", error)
        return
    if analyzer.name == "rekognition":
        yield _region(store, str(getattr(analyzer, "region", "")))
    for operation in analysis.operations:
        if operation not in OPERATIONS:
            yield Check(
                operation,
                False,
                "there is no such operation",
                f"Choose from {', '.join(OPERATIONS)}.",
            )
        elif analyzer.name == "rekognition" and not spend:
            says = "not asked, as every call is billed; --spend makes one call to see that it is allowed"
            yield Check(operation, None, says)
        else:
            # One that was refused an operation asks no more, which says nothing of the others.
            asked = (
                open_analyzer(analysis, store, region)
                if analyzer.name == "rekognition"
                else analyzer
            )
            yield _operation(store, asked, operation)


def _region(store: Store, asked: str) -> Check:
    if store.bucket_and_key("") is None:
        return Check(
            "region", True, f"Rekognition is asked in {asked} and gets the pictures with the calls"
        )
    from image_tags.tasks.adapters.store import s3_account as account
    from image_tags.tasks.adapters.store.s3 import S3Store

    home = account.bucket_region(store) if isinstance(store, S3Store) else None
    if home is None:
        return Check(
            "region",
            None,
            f"the server does not say where the bucket is; Rekognition is asked in {asked}",
        )
    if home != asked:
        says = f"the bucket is in {home}, Rekognition is asked in {asked}"
        return Check("region", False, says, f"Use --region {home}, or a bucket in {asked}.")
    return Check("region", True, f"bucket and Rekognition are both in {home}")


def _operation(store: Store, analyzer: Analyzer, operation: str) -> Check:
    data = tiny_picture()
    picture = Picture("0" * 64, f".check/{uuid.uuid4().hex}.jpg", len(data), SIDE, SIDE)
    try:
        store.write(picture.key, data, "image/jpeg")
        try:
            answer = analyzer.answer(operation, picture)
        finally:
            store.delete(picture.key)
    except Passing as error:
        if error.reason is Reason.THROTTLED:
            return Check(operation, True, "allowed, but asked to slow down just now")
        return Check(
            operation,
            False,
            error.detail,
            "Try again in a minute; check the network and the region.",
        )
    except LinkError as error:
        return Check(
            operation,
            False,
            error.detail,
            "Look at what the service says of the picture: it should do.",
        )
    except ImageTagsError as error:
        return failed(operation, error)
    return Check(
        operation,
        True,
        f"answers{f' (model {answer.model_version})' if answer.model_version else ''}",
    )


def tiny_picture() -> bytes:
    """A grey square as JPEG."""
    file = BytesIO()
    Image.new("RGB", (SIDE, SIDE), "grey").save(file, "JPEG")
    return file.getvalue()
