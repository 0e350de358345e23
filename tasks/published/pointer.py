"""The pointer: `published/current.json` says which version readers see.

It is swapped last and atomically.
"""

import json
from dataclasses import asdict, dataclass, field

from image_tags.tasks.adapters.store.store import JSON, Store
from image_tags.tasks.contracts.errors import StopRun

CURRENT = "published/current.json"
"""The pointer: readers start here, and it is swapped last."""

FILES = "published/{version}/{name}"


class PublishedMeanwhile(StopRun):
    """Another run published first; the pointer is as that run left it.

    Attributes:
        winner: the version that readers see.
    """

    def __init__(self, winner: str) -> None:
        super().__init__(
            f"Another run published version {winner} in the meantime, which stays the current one. "
            "Run again to publish on top of it; nothing that was fetched or analysed is lost."
        )
        self.winner = winner


@dataclass(frozen=True)
class Version:
    """One published set of tables: its name, and when it was published (ISO 8601, UTC)."""

    version: str
    published: str


@dataclass(frozen=True)
class Pointer:
    """What `published/current.json` says.

    Attributes:
        version: the version that readers see.
        published: when that version was published.
        tables: where its tables lie in the store, by name.
        history: all versions that are kept, the latest first; the pointer may have been set back to
            any of them.
    """

    version: str
    published: str
    tables: dict[str, str]
    history: list[Version] = field(default_factory=list)

    def as_bytes(self) -> bytes:
        """As JSON that people can read."""
        return json.dumps(asdict(self), indent=2).encode()


def read_pointer(store: Store) -> tuple[Pointer | None, str | None]:
    """The pointer and the token to swap it by; both None if nothing was published yet."""
    found = store.read_tagged(CURRENT)
    if found is None:
        return None, None
    data = json.loads(found[0])
    history = [Version(**one) for one in data["history"]]
    return Pointer(data["version"], data["published"], data["tables"], history), found[1]


def swap_pointer(store: Store, pointer: Pointer, token: str | None) -> None:
    """Make readers see another version, if the pointer is still the one that the token names.

    Raises:
        PublishedMeanwhile: it is not.
    """
    if not store.swap(CURRENT, pointer.as_bytes(), JSON, token):
        now, _ = read_pointer(store)
        raise PublishedMeanwhile(now.version if now else "none")


def find_tables(store: Store, version: str) -> dict[str, str]:
    """Where a version's tables lie in the store, by name."""
    prefix = FILES.format(version=version, name="")
    names = (key.removeprefix(prefix) for key in store.keys(prefix))
    return {
        name.removesuffix(".parquet"): prefix + name for name in names if name.endswith(".parquet")
    }
