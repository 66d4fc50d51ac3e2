"""Small networks in ONNX files, as tests need them."""

import json

import numpy as np
import pytest


def save(path, nodes, arrays, shape=(1, 3, "h", "w"), outputs=("y",)):
  """Writes a network from `x` to `outputs`; float32 all through."""
  onnx = pytest.importorskip("onnx")
  pytest.importorskip("onnxruntime")
  helper, kind = onnx.helper, onnx.TensorProto.FLOAT
  graph = helper.make_graph(
    [helper.make_node(*node[:3], **dict(*node[3:])) for node in nodes],
    "g",
    [helper.make_tensor_value_info("x", kind, list(shape))],
    [onnx.ValueInfoProto(name=name) for name in outputs],
    [onnx.numpy_helper.from_array(a, name) for name, a in arrays.items()],
  )
  model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
  model.ir_version = 9
  path.write_bytes(model.SerializeToString())


def describe(path, **entry):
  """Writes the JSON that lies beside it; gives the network's path as text."""
  path.with_name(f"{path.name}.json").write_text(json.dumps(entry))
  return str(path)


def save_segmenter(
  path, weight, *, quarter=False, last=False, labels=False, centred=False
):
  """Logits [1, C, h, w] = weight [C, 3] times the colours.

  Args:
    path: of the file.
    weight: of the 1x1 convolution.
    quarter: means of 4x4 pixels first.
    last: channels last, of input and output.
    labels: the channel with the highest logit instead of the logits.
    centred: less their mean over the picture.
  """
  nodes, at = [], "x"

  def add(op, name, *more, **attributes):
    nonlocal at
    nodes.append((op, [at, *more], [name], attributes))
    at = name

  if last:
    add("Transpose", "first", perm=[0, 3, 1, 2])
  if quarter:
    add("AveragePool", "small", kernel_shape=[4, 4], strides=[4, 4])
  add("Conv", "logits", "weight")
  if centred:
    add("GlobalAveragePool", "mean")
    nodes.append(("Sub", ["logits", "mean"], ["centred"], {}))
    at = "centred"
  if labels:
    add("ArgMax", "best", axis=1, keepdims=0)
  if last:
    add("Transpose", "moved", perm=[0, 2, 3, 1])
  nodes[-1] = (*nodes[-1][:2], ["y"], nodes[-1][3])
  shape = (1, "h", "w", 3) if last else (1, 3, "h", "w")
  array = np.asarray(weight, np.float32)[:, :, None, None]
  save(path, nodes, {"weight": array}, shape)
