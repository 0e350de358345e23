"""Pictures whose words are known, and pictures without any: 1024 px, through a JPEG.

They are real ones out of packages; the page of print is also turned six ways, and lines are printed
over photos and on white.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import skimage
from PIL import Image, ImageDraw, ImageFont

SIDE = 1024

SKIMAGE = Path(skimage.__file__).parent / "data"
MATPLOTLIB = Path(matplotlib.get_data_path())
HOPPER = MATPLOTLIB / "sample_data" / "grace_hopper.jpg"

PAGE = (
    "Region-based segmentation Let us first determine markers of the coins and the background. "
    "These markers are pixels that we can label unambiguously as either object or background. "
    "Here, the markers are found at the two extreme parts of the histogram of grey values: "
    ">> markers = np.zeros_like(coins)"
)
WITHOUT_TEXT = (
    *(
        "astronaut",
        "brick",
        "camera",
        "cell",
        "chelsea",
        "chessboard_RGB",
        "clock_motion",
        "coffee",
        "coins",
        "color",
    ),
    *("grass", "gravel", "horse", "ihc", "logo", "moon", "phantom"),
)

Print = tuple[str, int, tuple[int, int], int, str]
"""A line to print: the words, px high, where, degrees anticlockwise, colour."""

POSTERS: dict[str, tuple[str, list[Print]]] = {
    "meme": (
        "chelsea.png",
        [
            ("WHEN IT IS MONDAY", 72, (120, 20), 0, "white"),
            ("AND THE COFFEE IS GONE", 64, (60, 560), 0, "white"),
        ],
    ),
    "poster": (
        "rocket.jpg",
        [
            ("Launch Day 2026", 60, (60, 60), 0, "white"),
            ("Doors open at 18:30, tickets from 12.50 EUR", 26, (80, 180), 0, "white"),
            ("Pier 39, Harbour Street, San Francisco", 22, (80, 230), 0, "white"),
            ("www.example.org/launch", 20, (80, 600), 0, "white"),
        ],
    ),
    "tilted": (
        "coffee.png",
        [
            ("FRESH COFFEE", 70, (200, 100), 25, "white"),
            ("Open daily from seven", 30, (600, 300), -15, "white"),
            ("SALE", 90, (20, 300), 90, "yellow"),
        ],
    ),
    "small print": (
        "brick.png",
        [
            (
                "The quick brown fox jumps over the lazy dog near the river bank",
                16,
                (40, 100),
                0,
                "white",
            ),
            ("Pack my box with five dozen liquor jugs before noon", 14, (40, 300), 0, "white"),
            ("Sphinx of black quartz, judge my vow", 18, (40, 600), 0, "white"),
        ],
    ),
    "fine print": (
        "brick.png",
        [
            (
                "Small print: the offer ends on the last day of the month.",
                12,
                (40, 100),
                0,
                "black",
            ),
            (
                "Terms and conditions apply, see inside the box for details.",
                11,
                (40, 300),
                0,
                "black",
            ),
            ("Printed in Norway on recycled paper", 10, (40, 600), 0, "black"),
        ],
    ),
    "screenshot": (
        "",
        [
            ("Just saw the rocket on the pad tonight. Nine engines,", 20, (30, 100), 0, "black"),
            ("one dream, and far too much coffee. #launch #space", 20, (30, 140), 0, "black"),
            ("128 Reposts 2,407 Likes 31 Bookmarks", 15, (30, 220), 0, "black"),
        ],
    ),
}


@dataclass(frozen=True)
class Sample:
    """A picture and the words in it."""

    name: str
    image: Image.Image
    words: list[str]


def make_textless() -> list[Sample]:
    """Pictures in which nothing is written."""
    files = [
        *(f"{name}.png" for name in WITHOUT_TEXT),
        "hubble_deep_field.jpg",
        "retina.jpg",
        "rocket.jpg",
    ]
    return [Sample(file, post_picture(SKIMAGE / file), []) for file in files]


def make_printed() -> list[Sample]:
    """Pictures with text, and its words."""
    with Image.open(SKIMAGE / "page.png") as image:
        page = image.convert("RGB")
    turned = {}
    for angle in (0, 90, 180, 270, 10, -20):
        turned[f"page, {angle} degrees"] = page.rotate(
            angle, Image.Resampling.BICUBIC, expand=True, fillcolor=(180,) * 3
        )
    motorcycle = post_picture(SKIMAGE / "motorcycle_left.png")
    return [
        *(Sample(name, post_picture(image), PAGE.split()) for name, image in turned.items()),
        Sample("page, 384 px", page, PAGE.split()),
        Sample("name plate", post_picture(HOPPER), ["COMO", "HOPPER"]),
        Sample("motorcycle", motorcycle, ["YAMAHA", "MAXIM", "YAMAHA"]),
        *(
            Sample(name, print_poster(background, lines), list_words(lines))
            for name, (background, lines) in POSTERS.items()
        ),
    ]


def list_words(lines: list[Print]) -> list[str]:
    return " ".join(line[0] for line in lines).split()


def post_picture(source: Path | Image.Image) -> Image.Image:
    """At 1024 px and through a JPEG, as pictures travel."""
    image = (Image.open(source) if isinstance(source, Path) else source).convert("RGB")
    scale = SIDE / max(image.size)
    image = image.resize(
        (round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC
    )
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return Image.open(file).convert("RGB")


def print_poster(background: str, lines: list[Print]) -> Image.Image:
    """Lines printed over a photo, each with an outline, or on white."""
    image = (
        post_picture(SKIMAGE / background) if background else Image.new("RGB", (SIDE, 600), "white")
    )
    for line, size, place, angle, colour in lines:
        face = "DejaVuSans-Bold.ttf" if size > 30 else "DejaVuSerif.ttf"
        font = ImageFont.truetype(str(MATPLOTLIB / "fonts" / "ttf" / face), size)
        _, _, right, bottom = font.getbbox(line)
        layer = Image.new("RGBA", (round(right) + 20, round(bottom) + 20))
        width, edge = (
            max(1, size // 18) if background else 0,
            "white" if colour == "black" else "black",
        )
        ImageDraw.Draw(layer).text(
            (10, 10), line, colour, font, stroke_width=width, stroke_fill=edge
        )
        layer = layer.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        image.paste(layer, place, layer)
    return post_picture(image)
