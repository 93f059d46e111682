"""The libraries, each made to do a given piece of work: one module for each way of working."""

import importlib.util

LIBRARIES = ("fastmlp", "sklearn", "torch", "torch.compile", "onnxruntime")


def installed(without=()):
    """Names of the libraries that can take part.

    Parameters
    ----------
    without : collection of str
        Libraries to leave out; "torch" means both of its ways.

    Returns
    -------
    set of str
    """
    needs = {"torch.compile": ("torch",), "onnxruntime": ("onnxruntime", "onnx")}
    found = {
        library
        for library in LIBRARIES
        if all(importlib.util.find_spec(module) for module in needs.get(library, (library,)))
    }
    return found - set(without) - ({"torch.compile"} if "torch" in without else set())
