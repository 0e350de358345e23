"""Where a person sees what is in a store with a browser."""

from urllib.parse import quote, urlsplit

from image_tags.tasks.adapters.store.store import Store

AWS = ".amazonaws.com"


def console_page(store: Store, key: str) -> str | None:
    """The AWS console's page of an object; None for a folder or a server that is not Amazon's."""
    place = store.bucket_and_key(key)
    client = getattr(store, "client", None)
    if (
        place is None
        or client is None
        or not f".{urlsplit(client.meta.endpoint_url).hostname}".endswith(AWS)
    ):
        return None
    bucket, name = place
    region = client.meta.region_name
    console = f"https://{region}.console.aws.amazon.com/s3/object/{bucket}"
    return f"{console}?region={region}&prefix={quote(name, safe='')}"
