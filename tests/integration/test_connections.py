"""Every thread that uses S3 or the analyzer has a connection: none is thrown away after use.

urllib3 closes a connection that its pool has no place for, and warns each time.
"""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_tags.tasks.adapters.analyzers.rekognition import Rekognition
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import AnalysisSettings, StoreSettings
from image_tags.tasks.execution.task_runners import WORKERS
from tests.support.command import image_tags_process
from tests.support.processes import until
from tests.support.rekognition_endpoint import HOLD, Fault
from tests.support.s3_server import BUCKET

THREADS = 128
FULL = "Connection pool is full"


@pytest.fixture
def pool_log(caplog):
    caplog.set_level("WARNING", logger="urllib3.connectionpool")
    return caplog


def test_so_many_objects_can_be_read_from_s3_at_the_same_time(s3, pool_log):
    """Each body that is not read yet holds its connection."""
    client = S3Store(StoreSettings(store=f"s3://{BUCKET}/connections")).client
    client.put_object(Bucket=BUCKET, Key="connections/large", Body=io.BytesIO(bytes(1 << 20)))
    bodies = [
        client.get_object(Bucket=BUCKET, Key="connections/large")["Body"] for _ in range(THREADS)
    ]
    for body in bodies:
        assert len(body.read()) == 1 << 20
    assert FULL not in pool_log.text


def test_each_batch_at_work_may_call_the_analyzer_at_the_same_time(
    s3, rekognition, monkeypatch, pool_log
):
    """Whatever `analyzer_threads` is: a batch has one thread at least."""
    for name, value in rekognition.environment().items():
        monkeypatch.setenv(name, value)
    settings = AnalysisSettings(
        analyzer="rekognition", operations=("detect_labels",), analyzer_threads=1
    )
    analyzer = Rekognition(settings, S3Store(StoreSettings(store=f"s3://{BUCKET}")), "us-east-1")
    pictures = [
        Picture(f"{n:02x}" * 32, f"images/{n:02x}/{n}.jpg", 1000, 100, 100) for n in range(WORKERS)
    ]
    # The first call goes alone.
    analyzer.answer("detect_labels", pictures[0])
    rekognition.faults = [Fault(HOLD, times=None)]
    with ThreadPoolExecutor(WORKERS) as pool:
        calls = [pool.submit(analyzer.answer, "detect_labels", one) for one in pictures]
        try:
            until(lambda: rekognition.seen.held >= WORKERS, 60)
        finally:
            rekognition.release.set()
        assert all(call.result().response for call in calls)
    assert FULL not in pool_log.text


def test_a_run_with_many_threads_warns_of_no_full_pool(
    s3, prefect_server, rekognition, site, tmp_path
):
    source = tmp_path / "feed.csv"
    links = [site.picture(f"/{n}.png", n) for n in range(THREADS)]
    source.write_text("link\n" + "".join(f"{link}\n" for link in links))
    words = ["run", str(source), "--url-column", "link", "--store", f"s3://{BUCKET}/threads"]
    words += ["--analyzer", "rekognition", "--operations", "detect_labels,detect_text"]
    words += ["--fetch-threads", str(THREADS), "--per-host", str(THREADS)]
    words += ["--analyzer-threads", str(THREADS), "--allow-private-addresses"]
    shown = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING"}
    env = {**prefect_server.env, **rekognition.environment(), **s3.env, **shown}
    done = image_tags_process(*words, env=env)
    assert done.code == 0, done.out + done.err
    assert FULL not in done.out + done.err
