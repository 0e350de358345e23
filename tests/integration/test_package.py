"""The package as users get it: built from the sdist, installed next to their own modules."""

import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*words, folder, check=True):
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    out = tmp_path_factory.mktemp("sdist")
    run("uv", "build", "--sdist", "--out-dir", out, folder=ROOT)
    (made,) = out.glob("*.tar.gz")
    return made


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    run("uv", "build", "--wheel", sdist, "--out-dir", out, folder=out)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """A fresh environment with the wheel; its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    run("uv", "venv", "--python", sys.executable, folder, folder=folder.parent)
    python = folder / "bin" / "python"
    run("uv", "pip", "install", "--no-deps", "--python", python, wheel, folder=folder.parent)
    # Only the packages: the .pth files there, among them that of this checkout, are not read.
    (found,) = folder.glob("lib/python*/site-packages")
    (found / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return python


@pytest.fixture
def crowded(tmp_path):
    """A folder whose owner has modules of the names that our folders have."""
    for name in ("flows", "expectations", "commands"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not yours')\n")
    (tmp_path / "tasks.py").write_text("raise RuntimeError('not yours')\n")
    return tmp_path


def test_the_wheel_installs_image_tags_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"image_tags"}
    assert len(tops) == 2


def test_the_wheel_has_every_file_of_the_folders_once(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))
    listed = run("git", "ls-files", "flows", "tasks", "expectations", folder=ROOT, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    tracked = {name for name in listed.stdout.split() if (ROOT / name).exists()}
    assert {f"image_tags/{name}" for name in tracked} <= set(names)
    assert {"image_tags/__init__.py", "image_tags/py.typed"} <= set(names)


def test_the_sdist_has_the_package_and_its_documents_only(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tops = {name.partition("/")[0] for name in names if name}
    assert {"src", "LICENSE", "README.md", "pyproject.toml"} <= tops
    assert tops <= {
        "src",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "pyproject.toml",
        "PKG-INFO",
        ".gitignore",
    }


def test_it_is_imported_next_to_modules_of_the_same_names(python, crowded):
    words = (
        "import image_tags; from image_tags import *\n"
        "assert all(name in globals() for name in image_tags.__all__)\n"
        "from image_tags.flows.pipeline import image_tags as flow\n"
        "print(image_tags.__file__, flow.name)"
    )
    file, name = run(python, "-c", words, folder=crowded).stdout.split()
    assert Path(file).is_relative_to(python.parents[1]), "the installed one, not the checkout"
    assert name == "image-tags"


def test_the_command_runs_next_to_modules_of_the_same_names(python, crowded):
    command = python.parent / "image-tags"
    assert run(command, "--version", folder=crowded).stdout.startswith("image-tags, version ")
    empty = run(command, "versions", "--store", crowded / "store", folder=crowded)
    assert "Nothing has been published yet" in empty.stdout
    missing = run(command, "run", "nothing.csv", folder=crowded, check=False)
    assert missing.returncode == 2
    assert missing.stderr.startswith("Error: "), missing.stderr
