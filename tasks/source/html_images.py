"""One link per picture of an HTML text: `srcset` and `<source>` name it in several sizes."""

import re
from collections.abc import Iterator

_ELEMENT = re.compile(
    r"<picture\b(?:(?!<picture\b).){0,20000}?</picture\s*>|<img\b[^<>]{0,20000}>",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"<(img|source)\b([^<>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-z][\w:-]*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.I)
_CANDIDATE = re.compile(r"(\S*[^\s,])(?:\s+(\d+(?:\.\d+)?)[wxh])?\s*(?:,|$)")
_ADDRESSES = frozenset({"src", "data-src", "data-lazy-src", "data-original", "data-orig-file"})
_SETS = frozenset({"srcset", "data-srcset", "data-lazy-srcset"})


def keep_one_link_per_image(text: str) -> str:
    """Leave one link in each `<img>` and `<picture>` of a text: the largest that it names.

    Without sizes the image's own address counts, unless it is a placeholder (`data:`) beside
    another one, as pages have that load pictures late.
    """
    return _ELEMENT.sub(_with_one_link, text) if "<" in text else text


def _with_one_link(element: re.Match[str]) -> str:
    tags = sorted(_TAG.findall(element.group()), key=lambda tag: tag[0].lower() != "img")
    found = [one for _, attributes in tags for one in _find_links(attributes)]
    real = [one for one in found if not one[1].startswith("data:")] or found
    if len(found) < 2:
        return element.group()
    _, best = max(real, key=lambda one: one[0])
    quote = "'" if '"' in best else '"'
    return f"<img src={quote}{best}{quote}>"


def _find_links(attributes: str) -> Iterator[tuple[float, str]]:
    """The addresses in a tag's attributes, each with its size: its width, density or 0."""
    for name, *values in _ATTRIBUTE.findall(attributes):
        value = "".join(values).strip()
        if name.lower() in _ADDRESSES and value:
            yield 0.0, value
        elif name.lower() in _SETS:
            for address, size in _CANDIDATE.findall(value):
                yield float(size or 0), address
