"""onnxruntime: the network as a bare graph of Gemm and activations, nothing around it."""

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ACTIVATIONS = {"identity": "Identity", "logistic": "Sigmoid", "tanh": "Tanh", "relu": "Relu"}


def session(shape, estimator, n_threads):
    """Return a session that maps "x" to "proba", with an estimator's weights.

    Parameters
    ----------
    shape : Shape
    estimator : fitted classifier
    n_threads : int

    Returns
    -------
    onnxruntime.InferenceSession
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    graph = make_graph(shape, estimator).SerializeToString()
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def make_graph(shape, estimator):
    """Return the network as an ONNX model."""
    nodes, constants, value = [], [], "x"
    last = len(estimator.coefs_) - 1
    for i, (w, b) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        constants += [numpy_helper.from_array(w.copy(), f"w{i}")]
        constants += [numpy_helper.from_array(b.copy(), f"b{i}")]
        nodes.append(helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], [f"z{i}"]))
        if i < last:
            nodes.append(helper.make_node(ACTIVATIONS[shape.activation], [f"z{i}"], [f"a{i}"]))
            value = f"a{i}"
    out = helper.make_node("Sigmoid", [f"z{last}"], ["proba"])
    if shape.sizes[-1] > 1:
        out = helper.make_node("Softmax", [f"z{last}"], ["proba"], axis=1)
    dtype = TensorProto.FLOAT if shape.dtype == "float32" else TensorProto.DOUBLE
    inputs = [helper.make_tensor_value_info("x", dtype, [None, shape.features])]
    outputs = [helper.make_tensor_value_info("proba", dtype, [None, shape.sizes[-1]])]
    graph = helper.make_graph([*nodes, out], "mlp", inputs, outputs, constants)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.checker.check_model(model)
    return model
