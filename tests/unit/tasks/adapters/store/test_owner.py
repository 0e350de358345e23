import subprocess
import sys

from image_tags.tasks.adapters.store import owner

SAYS = "from image_tags.tasks.adapters.store import owner; print(owner.name(), flush=True); input()"
KEEPS = "; owner.keep_file()"


def another(and_then=""):
    return subprocess.Popen(
        [sys.executable, "-c", SAYS + and_then],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def test_a_process_keeps_its_name_and_lives():
    assert owner.name() == owner.name()
    assert owner.alive(owner.name()) is True


def test_another_process_is_known_to_live_and_to_be_dead():
    with another() as process:
        name = process.stdout.readline().strip()
        assert name != owner.name()
        assert owner.alive(name) is True
        process.kill()
        process.wait()
        assert owner.alive(name) is False


def test_what_is_unknown_here_may_live_elsewhere():
    assert owner.alive("0" * 32) is None
    assert owner.alive("") is None
    assert owner.alive("../../../etc/passwd") is None


def test_a_process_that_ends_in_order_leaves_nothing_behind():
    with another() as process:
        name = process.stdout.readline().strip()
        process.communicate("\n", timeout=60)
    assert owner.alive(name) is None


def test_a_process_that_leaves_claims_behind_is_known_to_be_dead():
    with another(KEEPS) as process:
        name = process.stdout.readline().strip()
        process.communicate("\n", timeout=60)
    assert owner.alive(name) is False


def test_without_a_temporary_folder_a_process_still_has_a_name(monkeypatch):
    monkeypatch.setattr(owner, "_mine", None)
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    assert owner.alive(owner.name()) is True
