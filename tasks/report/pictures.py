"""Thumbnails: which pictures are shown, and how small."""

import base64
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO

from markupsafe import Markup
from PIL import Image, UnidentifiedImageError

from image_tags.tasks.adapters.pictures.orientation import turn_upright

FEW = 60
"""Up to this many pictures are shown larger."""

LARGE, SMALL, TINY = 400, 240, 96
"""px of the longer side: in a gallery of few, of many, and next to a name.

A gallery card is about 260 CSS px wide.
"""

BUDGET = 2_000_000
"""Characters that all thumbnails together may take in the page."""

MOST = 320
"""Pictures with a thumbnail at most: more would not be looked at, and each is one read from the
store.
"""

_READERS = 4


@dataclass(frozen=True)
class Thumb:
    """One picture, small, as WebP; `width` and `height` in px."""

    data: bytes
    width: int
    height: int

    @property
    def uri(self) -> Markup:
        """The picture as a data: URI."""
        return Markup("data:image/webp;base64,") + base64.b64encode(self.data).decode()


def choose_pictures(
    groups: Sequence[Sequence[str]], rest: Iterable[str], limit: int = MOST
) -> list[str]:
    """Choose up to `limit` ids: one of each group in turn, then the rest in order.

    Each group is the best pictures of one name.
    """
    picked: dict[str, None] = {}
    for turn in range(max(map(len, groups), default=0)):
        for group in groups:
            if turn < len(group) and len(picked) < limit:
                picked.setdefault(group[turn])
    for image_id in rest:
        if len(picked) >= limit:
            break
        picked.setdefault(image_id)
    return list(picked)


def make_thumbnails(
    ids: Sequence[str], read: Callable[[str], bytes | None], budget: int = BUDGET
) -> dict[str, Thumb]:
    """Make thumbnails in the order given, of pictures that can be read, within the budget."""
    side = LARGE if len(ids) <= FEW else SMALL
    made: dict[str, Thumb] = {}
    used = 0
    with ThreadPoolExecutor(_READERS) as pool:
        for image_id, thumb in zip(
            ids, pool.map(lambda one: make_thumbnail(read(one), side), ids), strict=True
        ):
            used += len(thumb.uri) if thumb else 0
            if thumb and used <= budget:
                made[image_id] = thumb
    return made


def shrink_thumbnail(thumb: Thumb, side: int) -> Thumb:
    """Shrink a thumbnail further, to at most `side` px per side."""
    return make_thumbnail(thumb.data, side) or thumb


def make_thumbnail(data: bytes | None, side: int) -> Thumb | None:
    """Make an upright WebP of at most `side` px per side; None if the picture cannot be read."""
    if data is None:
        return None
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as picture:
            picture.draft("RGB", (side, side))
            upright = turn_upright(picture).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    upright.thumbnail((side, side))
    small = BytesIO()
    upright.save(small, "WEBP", quality=62, method=4)
    return Thumb(small.getvalue(), upright.width, upright.height)
