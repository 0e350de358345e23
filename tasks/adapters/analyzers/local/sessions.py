"""How models run: one thread each, on the processor, without reports to anybody."""

from pathlib import Path

import cv2
import onnxruntime as ort


def open_session(model: Path | bytes) -> ort.InferenceSession:
    """Load a model. Any number of threads may run the session at the same time.

    Each run keeps one core busy: pictures run side by side, and more threads per picture were
    slower.
    """
    limit_threads()
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    source = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def limit_threads() -> None:
    """Let OpenCV use the calling thread alone: its own would take cores from other pictures."""
    cv2.setNumThreads(1)
