"""Manifests for Athena: which Parquet file of a table is current.

Athena reads folders, not single files, and knows nothing of our pointer. A manifest is a text file
that lists the files to read in its place (Delta Lake documentation, "Presto and Athena to Delta
Lake integration"). There is one per table, below `published/latest/<table>/`, rewritten each time
the pointer moves; for a moment two of them may name two versions.
"""

from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.tables import published_tables
from image_tags.tasks.published.pointer import read_pointer

LATEST = "published/latest/{table}/"


MANIFEST = LATEST + "manifest"


def write_manifests(store: Store) -> None:
    """Write the current version's files into the manifests; does nothing unless on S3."""
    if store.bucket_and_key("") is None:
        return
    pointer, token = read_pointer(store)
    while pointer is not None:
        for table in published_tables(["any"]):
            key = MANIFEST.format(table=table)
            if table in pointer.tables:
                store.write(key, f"{store.locate(pointer.tables[table])}\n".encode(), "text/plain")
            else:
                store.delete(key)
        last, (pointer, token) = token, read_pointer(store)
        if token == last:  # the pointer has not moved meanwhile
            return
