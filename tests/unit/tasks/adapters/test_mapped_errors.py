"""No exception of a library escapes from an adapter: each becomes an error of our own tree.

The exceptions are raised where the library would raise them: in botocore's call of the service, in
the system's calls on files, in urllib3's request, in Arrow, DuckDB and Pillow.
"""

import errno
import functools
import http.client
import io
import os
import ssl
import string
import struct
import sys
import uuid
import zlib
from pathlib import Path
from types import SimpleNamespace

import botocore.exceptions
import duckdb
import httpx
import prefect.exceptions
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
import urllib3
from botocore.exceptions import WaiterError
from PIL import Image, UnidentifiedImageError
from prefect.states import Cancelling

from image_tags.tasks.adapters.analyzers.rekognition import Rekognition
from image_tags.tasks.adapters.aws.bucket import bucket_problem
from image_tags.tasks.adapters.files.errors import DamagedTable
from image_tags.tasks.adapters.files.files import expand_address, read_bytes
from image_tags.tasks.adapters.files.sorted_tables import read_in_order
from image_tags.tasks.adapters.files.table_files import TableFile, write_table_file
from image_tags.tasks.adapters.files.tables import parquet_table, read_table
from image_tags.tasks.adapters.orchestration import flow_runs, shard_runs
from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.adapters.store import s3_account
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.adapters.web.client import Web
from image_tags.tasks.adapters.web.session import Session
from image_tags.tasks.contracts.errors import (
    ImageTagsError,
    LinkError,
    Rejected,
    StopRun,
    Transient,
    UsageError,
)
from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import AnalysisSettings, FetchSettings, StoreSettings


def subclasses(kind):
    """A class and all that derive from it."""
    return [kind, *(found for child in kind.__subclasses__() for found in subclasses(child))]


def call(operation):
    """Run what an adapter offers; returns its error if it is one of ours, raises any other."""
    try:
        operation()
    except ImageTagsError as error:
        return error
    return None


# --- AWS


def aws_error(kind):
    """An exception of botocore with everything that its sentence names."""
    names = {name for _, name, _, _ in string.Formatter().parse(kind.fmt) if name}
    values = dict.fromkeys(names, "x") | {"error": OSError("x")}
    return kind(**{name: values[name] for name in names})


def answered(code, status):
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(response, "Operation")


BOTO_KINDS = [
    kind
    for kind in subclasses(botocore.exceptions.BotoCoreError)
    if kind.__module__ == "botocore.exceptions" and kind is not WaiterError
]
AWS_ERRORS = [
    *map(aws_error, BOTO_KINDS),
    answered("AccessDenied", 403),
    answered("ExpiredToken", 400),
    answered("InternalError", 500),
    answered("NoSuchBucket", 404),
    answered("NoSuchKey", 404),
    answered("PreconditionFailed", 412),
    answered("SlowDown", 503),
    answered("SomethingNew", 400),
]


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def s3(aws):
    settings = StoreSettings(store="s3://bucket/prefix", region="eu-west-1")
    return S3Store(settings, patience=0, wait=lambda seconds: None)


def store_operations(store, folder):
    """Everything that a store offers, under the name of its method."""
    local = folder / "local"
    local.write_bytes(b"x")
    key = "runs/r/a.json"
    return {
        "read": lambda: store.read(key),
        "write": lambda: store.write(key, b"x", "text/plain"),
        "add": lambda: store.add(key + ".new", b"x", "text/plain"),
        "exists": lambda: store.exists(key),
        "size": lambda: store.size(key),
        "keys": lambda: list(store.keys("runs/")),
        "list_sizes": lambda: store.list_sizes("runs/"),
        "read_range": lambda: store.read_range(key, 0, 1),
        "delete": lambda: store.delete(key),
        "delete_all": lambda: store.delete_all([key]),
        "read_tagged": lambda: store.read_tagged(key),
        "swap": lambda: store.swap(key, b"y", "text/plain", "token"),
        "fetch_file": lambda: store.fetch_file(key, folder),
        "put_file": lambda: store.put_file(key, local, "text/plain"),
        "copy": lambda: store.copy(key, "runs/r/b.json"),
        "check_writable": store.check_writable,
    }


NO_REQUEST = {"locate", "bucket_and_key"}


def offered_by(protocol):
    return {name for name in vars(protocol) if callable(vars(protocol)[name]) and name[0] != "_"}


def find_escapes(operations, errors, fail_with):
    """Operations from which an error escapes: the name, the error, and what came out instead."""
    escapes = []
    for error in errors:
        fail_with(error)
        for name, operation in operations.items():
            try:
                call(operation)
            except BaseException as escaped:
                escapes.append((name, repr(error), repr(escaped)))
    return escapes


@pytest.fixture
def fail_at_aws(monkeypatch):
    """Let every request to AWS fail with an error of botocore."""

    def fail_with(error):
        def request(self, operation, parameters):
            raise error

        monkeypatch.setattr("botocore.client.BaseClient._make_api_call", request)

    return fail_with


def test_no_error_of_aws_escapes_from_the_store(s3, tmp_path, fail_at_aws):
    operations = store_operations(s3, tmp_path)
    assert set(operations) == offered_by(Store) - NO_REQUEST
    assert find_escapes(operations, AWS_ERRORS, fail_at_aws) == []


def test_a_body_that_breaks_off_does_not_escape_from_the_store(s3, tmp_path, monkeypatch):
    class Broken:
        def read(self, *_):
            raise botocore.exceptions.ResponseStreamingError(error="cut")

        def iter_chunks(self, *_):
            raise botocore.exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2)

    monkeypatch.setattr(
        "botocore.client.BaseClient._make_api_call",
        lambda *_: {"Body": Broken(), "ETag": "t", "ContentLength": 1},
    )
    operations = store_operations(s3, tmp_path)
    for name in ("read", "read_range", "read_tagged", "fetch_file"):
        assert isinstance(call(operations[name]), StopRun), name


def test_a_full_disk_does_not_escape_where_a_file_is_fetched(s3, monkeypatch):
    answer = {"Body": io.BytesIO(b"x")}
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", lambda *_: answer)
    error = call(lambda: s3.fetch_file("a", Path("/nowhere/at/all")))
    assert isinstance(error, StopRun)
    assert "TMPDIR" in str(error)


def test_no_error_of_aws_escapes_from_what_doctor_asks(s3, fail_at_aws):
    operations = {
        "bucket_region": lambda: s3_account.bucket_region(s3),
        "create_bucket": lambda: s3_account.create_bucket(s3),
        "block_public_access": lambda: s3_account.block_public_access(s3),
        "bucket_problem": lambda: bucket_problem(s3.client, "bucket", "eu-west-1"),
    }
    assert find_escapes(operations, AWS_ERRORS, fail_at_aws) == []
    # Each time with a client of its own, which takes a quarter of a second to make.
    operations = {"identity": lambda: s3_account.identity("eu-west-1")}
    assert find_escapes(operations, AWS_ERRORS[-3:], fail_at_aws) == []


def test_no_error_of_aws_escapes_from_rekognition(aws, tmp_path, fail_at_aws):
    store = FolderStore(str(tmp_path))
    store.write("images/aa/a.png", picture_bytes(), "image/png")
    settings = AnalysisSettings(analyzer_retries=0)
    fail_at_aws(answered("AccessDeniedException", 400))
    analyzer = Rekognition(settings, store, "eu-west-1", sleep=lambda seconds: None)
    picture = Picture("a", "images/aa/a.png", 100, 100, len(picture_bytes()))

    def answer(operation):
        analyzer._stopped = None  # an analyzer that has to stop makes no further call
        analyzer.answer(operation, picture)

    operations = {operation: functools.partial(answer, operation) for operation in OPERATIONS}
    assert find_escapes(operations, AWS_ERRORS, fail_at_aws) == []


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_REKOGNITION", "AWS_ENDPOINT_URL_S3"])
def test_an_endpoint_that_is_no_address_does_not_escape(aws, tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "not an address")
    opened = {
        "AWS_ENDPOINT_URL_REKOGNITION": lambda: Rekognition(
            AnalysisSettings(), FolderStore(str(tmp_path)), "eu-west-1"
        ),
        "AWS_ENDPOINT_URL_S3": lambda: S3Store(StoreSettings(store="s3://bucket", region="x-1")),
    }
    assert isinstance(call(opened[name]), UsageError)


# --- the disk

NUMBERS = (errno.EACCES, errno.EIO, errno.ENOSPC, errno.EROFS, errno.ESTALE, errno.ENAMETOOLONG)
SYSTEM_CALLS = (
    "io.open",
    "os.fsync",
    "os.link",
    "os.mkdir",
    "os.open",
    "os.replace",
    "os.scandir",
    "os.stat",
    "os.unlink",
    "fcntl.flock",
)


def fail_below(monkeypatch, root, what, number):
    """Let one system call fail for everything below a folder."""
    module, name = what.split(".")
    real = getattr(sys.modules[module], name)

    def fail(place, *rest, **more):
        is_file = not isinstance(place, str | os.PathLike)
        if is_file or str(place).startswith(str(root)):
            raise OSError(number, os.strerror(number), str(place))
        return real(place, *rest, **more)

    monkeypatch.setattr(what, fail)


@pytest.mark.parametrize("what", SYSTEM_CALLS)
def test_no_error_of_the_disk_escapes_from_the_store(tmp_path, monkeypatch, what):
    root = tmp_path / "store"
    store = FolderStore(str(root))
    operations = store_operations(store, tmp_path)
    assert set(operations) == offered_by(Store) - NO_REQUEST
    escapes, failed = [], 0
    for number in NUMBERS:
        for name, operation in operations.items():
            (root / "runs/r").mkdir(parents=True, exist_ok=True)
            (root / "runs/r/a.json").write_bytes(b"x")
            with monkeypatch.context() as patch:
                fail_below(patch, root, what, number)
                try:
                    failed += call(operation) is not None
                except BaseException as escaped:
                    escapes.append((name, errno.errorcode[number], repr(escaped)))
    assert escapes == []
    # Without hard links, files are moved instead.
    assert failed or what == "os.link", "the call is used"


@pytest.mark.parametrize("what", ["io.open", "os.stat", "os.scandir"])
def test_no_error_of_the_disk_escapes_where_a_source_is_read(tmp_path, monkeypatch, what):
    root = tmp_path / "feed"
    root.mkdir()
    (root / "a.csv").write_text("url\nhttp://a.example\n")
    operations = {
        "file": lambda: expand_address(str(root / "a.csv")),
        "folder": lambda: expand_address(str(root)),
        "pattern": lambda: expand_address(str(root / "*.csv")),
        "bytes": lambda: read_bytes(str(root / "a.csv")),
    }
    escapes = []
    for number in NUMBERS:
        for name, operation in operations.items():
            with monkeypatch.context() as patch:
                fail_below(patch, root, what, number)
                try:
                    call(operation)
                except BaseException as escaped:
                    escapes.append((name, errno.errorcode[number], repr(escaped)))
    assert escapes == []


# --- the web


def web_errors():
    """One of each exception of requests, urllib3, http.client, ssl and the system."""
    bases = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException)
    kinds = [kind for base in (*bases, ssl.SSLError) for kind in subclasses(base)]
    # botocore's exceptions derive from some of these.
    kinds = [kind for kind in kinds if not kind.__module__.startswith("botocore")]
    kinds += [kind for kind in subclasses(OSError) if kind.__module__ == "builtins"]
    # Not by their constructors, which ask for connections and responses.
    return [kind.__new__(kind, "x") for kind in dict.fromkeys([*kinds, UnicodeError, ValueError])]


def test_no_error_of_the_network_escapes_from_the_web_client(monkeypatch):
    settings = FetchSettings(fetch_retries=0, respect_robots_txt=False)
    errors = web_errors()
    assert len(errors) > 70
    kinds = set()
    with Web(settings) as web:
        for number, error in enumerate(errors):

            def get(*_, error=error, **__):
                raise error

            monkeypatch.setattr(Session, "get_once", get)
            # A host of its own, as one that has failed is left alone for a while.
            found = call(lambda number=number: web.fetch(f"http://host{number}.example/a.jpg"))
            assert isinstance(found, LinkError), error
            kinds.add(type(found))
    assert {Rejected, Transient} <= kinds


# --- pictures, tables and what sorts them


def picture_bytes():
    sink = io.BytesIO()
    Image.new("RGB", (100, 100), "red").save(sink, "PNG")
    return sink.getvalue()


@pytest.mark.parametrize(
    "error",
    [
        EOFError("x"),
        Image.DecompressionBombError("x"),
        IndexError("x"),
        KeyError("x"),
        MemoryError("x"),
        OSError("x"),
        OverflowError("x"),
        RecursionError("x"),
        SyntaxError("x"),
        TypeError("x"),
        UnidentifiedImageError("x"),
        ValueError("x"),
        struct.error("x"),
        zlib.error("x"),
    ],
    ids=repr,
)
def test_no_error_of_a_decoder_escapes_from_a_picture(monkeypatch, error):
    def load(self):
        raise error

    assert call(lambda: verify_picture(picture_bytes(), FetchSettings())) is None
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert isinstance(call(lambda: verify_picture(picture_bytes(), FetchSettings())), Rejected)


ARROW_ERRORS = [
    *(kind("x") for kind in subclasses(pa.ArrowException)),
    OSError(errno.ENOSPC, "No space left on device"),
]


@pytest.mark.parametrize("seam", ["ParquetFile", "read_table", "ParquetWriter"])
def test_no_error_of_arrow_escapes_from_a_table(tmp_path, monkeypatch, seam):
    table = pa.table({"a": [1]})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    data = sink.getvalue()
    operations = {
        "ParquetFile": [lambda: TableFile(data), lambda: read_table("a.parquet", data)],
        "read_table": [lambda: parquet_table(data)],
        "ParquetWriter": [lambda: write_part(tmp_path / "a.parquet", table)],
    }
    for error in ARROW_ERRORS:

        def fail(*_, error=error, **__):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(pq, seam, fail)
            for operation in operations[seam]:
                assert isinstance(call(operation), StopRun | UsageError), error
    for operation in operations[seam]:
        assert call(operation) is None, "without the error it works"


def write_part(path, table):
    with write_table_file(path, table.schema) as writer:
        writer.append(table)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1 half a file"])
def test_a_damaged_table_does_not_escape(data):
    assert isinstance(call(lambda: parquet_table(data)), DamagedTable)
    assert isinstance(call(lambda: TableFile(data)), DamagedTable)


def test_no_error_of_duckdb_escapes_from_sorting(tmp_path, monkeypatch):
    table = pa.table({"image_id": ["a"], "name": ["cat"]})
    pq.write_table(table, tmp_path / "a.parquet")
    places = pa.table({"image_id": ["a"], "file": [str(tmp_path / "a.parquet")], "place": [0]})

    def sort():
        return list(read_in_order(places, table.schema, tmp_path))

    assert call(sort) is None
    for kind in subclasses(duckdb.Error):

        def fail(*_, kind=kind, **__):
            raise kind("x")

        with monkeypatch.context() as patch:
            patch.setattr(duckdb, "connect", fail)
            assert isinstance(call(sort), StopRun), kind
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    assert isinstance(call(sort), StopRun)


# --- the Prefect server

REQUEST = httpx.Request("GET", "http://server")
SERVER_ERRORS = [
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("slow"),
    httpx.RemoteProtocolError("cut"),
    httpx.HTTPStatusError("busy", request=REQUEST, response=httpx.Response(503, request=REQUEST)),
    prefect.exceptions.ObjectNotFound(http_exc=Exception("gone")),
    prefect.exceptions.PrefectHTTPStatusError(
        "no", request=REQUEST, response=httpx.Response(422, request=REQUEST)
    ),
]


@pytest.mark.parametrize("error", SERVER_ERRORS, ids=repr)
def test_no_error_of_the_prefect_server_escapes(monkeypatch, error):
    class Client:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def __getattr__(self, name):
            raise error

    def fail(*_, **__):
        raise error

    run = uuid.uuid4()
    for module in (flow_runs, shard_runs):
        monkeypatch.setattr(module, "get_client", lambda sync_client: Client())
    monkeypatch.setattr(shard_runs, "run_deployment", fail)
    monkeypatch.setattr(flow_runs, "flow_run", SimpleNamespace(id=str(run)))
    for operation in (
        lambda: shard_runs.find_work_pool("flow/deployment"),
        lambda: shard_runs.start_shard("flow/deployment", "shard 1", {}),
        lambda: shard_runs.find_unfinished(run),
        lambda: flow_runs.replace_tags((), ("a",)),
        flow_runs.read_first_start,
        flow_runs.close_left_task_runs,
    ):
        assert isinstance(call(operation), StopRun | UsageError)
    # These go on without an answer: the caller asks again, or the state is only shown.
    for operation in (
        lambda: shard_runs.cancel_shards([run]),
        lambda: shard_runs.force_state(run, Cancelling()),
    ):
        assert call(operation) is None
