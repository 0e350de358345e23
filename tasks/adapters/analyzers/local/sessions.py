"""How models run: one thread each, on the processor, without reports to anybody."""

from pathlib import Path

import onnxruntime as ort


def open_session(model: Path | bytes) -> ort.InferenceSession:
    """Load a model. Any number of threads may run the session at the same time.

    Each run keeps one core busy: pictures run side by side, and more threads per picture were
    slower.
    """
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    source = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
