"""Real pictures with free rights, out of packages."""

from pathlib import Path

import matplotlib
import skimage

SKIMAGE = Path(skimage.__file__).parent / "data"
HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
ASTRONAUT = SKIMAGE / "astronaut.png"
"""Eileen Collins."""
