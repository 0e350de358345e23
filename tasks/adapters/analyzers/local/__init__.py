"""The analyzer that needs no account: models out of packages answer in Rekognition's shape."""

import os

# onnxruntime reports to Microsoft, and keeps a database in the home folder, unless this is set
# before it is imported; no module outside this package imports it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
