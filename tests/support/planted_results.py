"""Results that somebody else put into the store, to run code in a worker."""

import json
import os

import cloudpickle
from prefect.results import ResultRecord, ResultRecordMetadata
from prefect.serializers import JSONSerializer, PickleSerializer

from image_tags.tasks.adapters.orchestration.results import ResultSerializer
from image_tags.tasks.contracts.records import BatchDone

DONE = BatchDone("ingest", 3, {"stored": 2, "not_found": 1})
KEY = "runs/r/results/one"


class Exploit:
    """What runs a command when it is unpickled."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return os.system, (f"touch {self.proof}",)


def envelope(serializer, result, **more):
    metadata = ResultRecordMetadata(serializer=serializer, storage_key=KEY)
    record = ResultRecord(metadata=metadata, result=result)
    return json.dumps({**json.loads(record.serialize()), **more}).encode()


def planted(proof):
    """Envelopes that would run code, or call a class, if Prefect read them."""
    pickled = envelope(PickleSerializer(), Exploit(proof))
    good = json.loads(envelope(ResultSerializer(), DONE))
    body = json.loads(pickled)["result"]
    called = json.dumps({"__exc_type__": "builtins.SystemExit", "message": "1"})
    return {
        "pickle": pickled,
        "another serializer at the old place": json.dumps(
            {**good, "result": body, "serializer": {"type": "pickle"}}
        ).encode(),
        "compressed pickle": json.dumps(
            {"metadata": {"serializer": {"type": "compressed/pickle"}}, "result": body}
        ).encode(),
        "no serializer, which means pickle": json.dumps({"metadata": {}, "result": body}).encode(),
        "Prefect's JSON, which calls what it names": json.dumps(
            {"metadata": {"serializer": JSONSerializer().model_dump()}, "result": called}
        ).encode(),
        "ours with a result of another shape": json.dumps({**good, "result": called}).encode(),
        "ours with an argument": json.dumps(
            {
                **good,
                "metadata": {
                    **good["metadata"],
                    "serializer": {"type": "image-tags", "picklelib": "os"},
                },
            }
        ).encode(),
        "no envelope": b"{",
        "bare pickle": cloudpickle.dumps(Exploit(proof)),
    }
