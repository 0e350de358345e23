"""The version that readers see now, which the staged tables are compared with."""

from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from image_tags.expectations.profile import Profile
from image_tags.tasks.adapters.store.json_records import DamagedRecord, load_record
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.published.pointer import FILES, look_at_pointer


@dataclass(frozen=True)
class LastVersion:
    """What there is to compare with.

    Attributes:
        profile: None if nothing was published yet, or what was cannot be read.
        token: what the pointer must still be when the new version is published.
        damage: what cannot be read, as a sentence; None if all reads well.
    """

    profile: JsonObject | None
    token: str | None
    damage: str | None = None


def read_last_version(store: Store) -> LastVersion:
    """Read the current version's profile; a damaged one is no reason not to publish a new one."""
    reading = look_at_pointer(store)
    if reading.pointer is None:
        return LastVersion(None, reading.token, str(reading.damage) if reading.damage else None)
    key = FILES.format(version=reading.pointer.version, name="profile.json")
    try:
        profile = load_record(store, key, _PROFILE)
    except DamagedRecord:
        damage = f"{store.locate(key)} is damaged: nothing is compared with the last version."
        return LastVersion(None, reading.token, damage)
    return LastVersion(asdict(profile) if profile else None, reading.token)


_PROFILE = TypeAdapter(Profile)
