"""What a worker may read and write: folders and buckets that its environment names.

Anyone who may start a deployment chooses its parameters, among them the paths of the source,
people, confusions, price list and store, and whether links may lead into the worker's own network.
These variables, which are not parameters, keep both within what the worker's operator allows. Where
none is set, nothing is refused.
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

PUBLIC_ONLY = "IMAGE_TAGS_PUBLIC_ADDRESSES_ONLY"
"""Whether links may lead to public addresses and usual ports only."""
YES = ("1", "true", "yes", "on")


@dataclass(frozen=True)
class Confinement:
    """The folders and buckets that may be used; None allows all, an empty tuple none."""

    folders: tuple[Path, ...] | None = None
    buckets: tuple[str, ...] | None = None
    public_only: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Confinement":
        """The confinement that the environment asks for."""
        folders, buckets = environment.get(FOLDERS), environment.get(BUCKETS)
        return cls(
            None
            if folders is None
            else tuple(Path(one).expanduser().resolve() for one in _split(folders, os.pathsep)),
            None if buckets is None else tuple(one.strip("/") for one in _split(buckets, ",")),
            environment.get(PUBLIC_ONLY, "").strip().lower() in YES,
        )

    def check_links(self, allow_private_addresses: bool, extra_ports: tuple[int, ...]) -> None:
        """Refuse settings that let links lead into the worker's own network.

        Raises:
            UsageError: they do, and only public addresses are allowed.
        """
        if self.public_only and (allow_private_addresses or extra_ports):
            name = "allow_private_addresses" if allow_private_addresses else "extra_ports"
            raise UsageError(
                f"This worker may not use {name}: {PUBLIC_ONLY} allows public addresses only."
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
