"""Open the store that an address names."""

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import StoreSettings


def open_store(settings: StoreSettings) -> Store:
    """The store at the address; nothing is created or asked yet."""
    if settings.store.startswith("s3://"):
        # boto3 takes 0.4 s to import: as much as all of `image-tags versions` on a folder.
        from image_tags.tasks.adapters.store.s3 import S3Store

        return S3Store(settings)
    if "://" in settings.store:
        raise UsageError(
            f"The store {settings.store!r} is neither a folder nor s3://bucket/prefix."
        )
    return FolderStore(settings.store)
