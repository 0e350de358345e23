"""What a worker may read and write: folders and buckets that its environment names.

Anyone who may start a deployment chooses its parameters, among them the paths of the source,
people, confusions, price list and store. These two variables, which are not parameters, keep such
paths within what the worker's operator allows. Where neither is set, nothing is refused.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from image_tags.tasks.contracts.errors import UsageError

FOLDERS = "IMAGE_TAGS_ALLOWED_FOLDERS"
"""Folders, separated as in PATH."""
BUCKETS = "IMAGE_TAGS_ALLOWED_BUCKETS"
"""Buckets, or buckets with a prefix (`bucket/prefix`), separated by commas."""


@dataclass(frozen=True)
class Confinement:
    """The folders and buckets that may be used; None allows all, an empty tuple none."""

    folders: tuple[Path, ...] | None = None
    buckets: tuple[str, ...] | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Confinement":
        """The confinement that the environment asks for."""
        folders, buckets = environment.get(FOLDERS), environment.get(BUCKETS)
        return cls(
            None
            if folders is None
            else tuple(Path(one).expanduser().resolve() for one in _split(folders, os.pathsep)),
            None if buckets is None else tuple(one.strip("/") for one in _split(buckets, ",")),
        )

    def check(self, name: str, address: str) -> None:
        """Refuse an address outside of what is allowed.

        A path is followed through symbolic links first: what counts is where it leads.

        Args:
            name: of the parameter, for the message.
            address: a local path or `s3://bucket/key`; neither has to exist.

        Raises:
            UsageError: it is outside.
        """
        if address.startswith("s3://"):
            if self.buckets is not None and not self._allows_object(address):
                raise UsageError(
                    f"This worker may not use {name} {address!r}: {BUCKETS} allows "
                    f"{', '.join(self.buckets) or 'no bucket'}."
                )
        elif self.folders is not None and not self._allows_path(address):
            allowed = ", ".join(map(str, self.folders)) or "no folder"
            raise UsageError(
                f"This worker may not use {name} {address!r}: {FOLDERS} allows {allowed}."
            )

    def _allows_path(self, address: str) -> bool:
        path = Path(address).expanduser().resolve()
        return any(path.is_relative_to(folder) for folder in self.folders or ())

    def _allows_object(self, address: str) -> bool:
        key = address.removeprefix("s3://")
        return any(
            key == allowed or key.startswith(f"{allowed}/") for allowed in self.buckets or ()
        )


def _split(text: str, separator: str) -> list[str]:
    return [one.strip() for one in text.split(separator) if one.strip()]
