"""Data that is not random normal: sparse text, images, digits."""

import importlib.util
import sys

import numpy as np
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

NEWSGROUPS = {"rows": 18_846, "columns": 27_053, "entries": 88, "classes": 20}


def load(folder, name):
    """Load one data set with the load.py of a folder.

    Parameters
    ----------
    folder : Path
    name : str

    Returns
    -------
    dict
        Among others X, y and n_train.
    """
    spec = importlib.util.spec_from_file_location("load", folder / "load.py")
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # the folder is not ours
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
    return module.load(name)


def text_like(n_rows, dtype="float32", seed=0):
    """Make a CSR matrix with the size of 20 newsgroups: the frequent words are in many rows.

    Parameters
    ----------
    n_rows : int
    dtype : str
    seed : int

    Returns
    -------
    X : csr_matrix of shape (n_rows, 27053)
        About 88 entries a row, rows of unit length.
    y : ndarray
        Twenty classes.
    """
    rng = np.random.default_rng(seed)
    n_columns, n_classes = NEWSGROUPS["columns"], NEWSGROUPS["classes"]
    frequency = 1 / (np.arange(n_columns) + 30.0)
    drawn = round(1.03 * NEWSGROUPS["entries"])  # some are drawn twice
    columns = rng.choice(n_columns, size=(n_rows, drawn), p=frequency / frequency.sum())
    rows = np.repeat(np.arange(n_rows), drawn)
    values = rng.uniform(0.5, 2.0, size=len(rows)).astype(dtype)
    X = sparse.coo_matrix((values, (rows, columns.ravel())), shape=(n_rows, n_columns)).tocsr()
    X.data /= np.repeat(np.sqrt(X.multiply(X).sum(axis=1)).A1, np.diff(X.indptr)).astype(dtype)
    y = rng.integers(n_classes, size=n_rows)
    y[:n_classes] = np.arange(n_classes)
    return X, y


def digits():
    """scikit-learn's handwritten digits as (X_train, y_train, X_test, y_test)."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype("float32")
    X, X_test, y, y_test = train_test_split(X, y, test_size=397, random_state=0, stratify=y)
    return X, y, X_test, y_test


def fashion_mnist(folder):
    """Fashion-MNIST as (X_train, y_train, X_test, y_test), the official split."""
    found = load(folder, "fashion_mnist")
    X, y, n = found["X"], found["y"], found["n_train"]
    return X[:n], y[:n], X[n:], y[n:]
