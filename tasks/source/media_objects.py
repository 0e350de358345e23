"""Which member of an object leads to its picture: one link per object, the full size first."""

import re
from collections.abc import Mapping

MEMBERS = (
    # The original, then the largest.
    *("original", "originalurl", "originalimageurl", "originalsize", "orig", "origurl", "urlo"),
    *("raw", "rawurl", "fullsize", "fullsizeurl", "full", "fullurl", "fullpicture", "fullimage"),
    *("fullimageurl", "hd", "hdurl", "large", "largeurl", "largeimageurl", "urll", "downloadurl"),
    # A picture whose size is not in its name.
    *("mediaurlhttps", "mediaurl", "imageurl", "imgurl", "photourl", "pictureurl"),
    *("image", "img", "photo", "picture", "displayurl"),
    # Lists of pictures inside a larger object, such as a whole post.
    *("extendedentities", "media", "mediaattachments", "photos", "images", "pictures", "gallery"),
    *("attachments", "entities", "sizes", "urls"),
    # An address of any kind.
    *("src", "s", "u", "source", "url", "contenturl", "href", "link", "uri"),
    # Smaller ones, where there is nothing else.
    *("regular", "regularurl", "medium", "mediumurl", "thumbnailurl", "thumbnail", "thumb"),
    *("thumburl", "previewimageurl", "previewurl", "preview", "small", "smallurl", "tiny"),
)
"""Names in order of preference, in lower case and without `_`: `media_url_https`, `fullUrl`.

From the media objects of Twitter (v1.1, v2), snscrape, Mastodon, Instagram, Facebook, Reddit,
Flickr, Tumblr and Unsplash.
"""

_RANK = {name: rank for rank, name in enumerate(MEMBERS)}
_NOT_PLAIN = re.compile(r"[^a-z0-9]")


def preferred_values(members: Mapping[object, object]) -> tuple[list[object], list[object]]:
    """Split an object's values: those of the known names in order of preference, and the others."""
    known: list[tuple[int, int, object]] = []
    others: list[object] = []
    for place, (name, value) in enumerate(members.items()):
        rank = _RANK.get(_NOT_PLAIN.sub("", str(name).lower()))
        if rank is None:
            others.append(value)
        else:
            known.append((rank, place, value))
    return [value for _, _, value in sorted(known, key=lambda one: one[:2])], others
