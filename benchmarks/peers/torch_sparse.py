"""torch on sparse rows: the first layer as an EmbeddingBag, torch's fast path for them."""

import torch

from .torch_loop import ALPHA


class SparseLoop:
    """A network with one hidden layer, trained on CSR rows the way the estimators train.

    An EmbeddingBag sums weighted rows of the first weight matrix without ever seeing the zeros;
    batches are cut from the CSR arrays with a handful of whole-tensor operations.

    Parameters
    ----------
    shape : Shape
        One hidden layer, more than two classes.
    X : csr_matrix
    y : ndarray
    """

    def __init__(self, shape, X, y):
        self.shape = shape
        dtype = getattr(torch, shape.dtype)
        hidden, outputs = shape.sizes[1:]
        self.bag = torch.nn.EmbeddingBag(shape.features, hidden, mode="sum", dtype=dtype)
        self.rest = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(hidden, outputs))
        self.rest.to(dtype)
        self.bias = torch.nn.Parameter(torch.zeros(hidden, dtype=dtype))
        self.parameters = [*self.bag.parameters(), self.bias, *self.rest.parameters()]
        bound = (6 / (shape.features + hidden)) ** 0.5
        torch.nn.init.uniform_(self.bag.weight, -bound, bound)
        self.initial = [p.detach().clone() for p in self.parameters]
        self.values = torch.from_numpy(X.data)
        self.columns = torch.from_numpy(X.indices.astype("int64"))
        self.starts = torch.from_numpy(X.indptr.astype("int64"))
        self.targets = torch.from_numpy(y)
        self.loss_function = torch.nn.CrossEntropyLoss()

    def forward(self, rows):
        """Outputs of some rows."""
        starts = self.starts.index_select(0, rows)
        counts = self.starts.index_select(0, rows + 1) - starts
        offsets = counts.cumsum(0) - counts
        where = torch.repeat_interleave(starts - offsets, counts)
        where += torch.arange(len(where))
        columns = self.columns.index_select(0, where)
        values = self.values.index_select(0, where)
        return self.rest(self.bag(columns, offsets, per_sample_weights=values) + self.bias)

    def fit(self):
        """Train from the first weights for ``shape.epochs`` epochs."""
        with torch.no_grad():
            for p, start in zip(self.parameters, self.initial, strict=True):
                p.copy_(start)
        decay = ALPHA / self.shape.batch
        optimizer = torch.optim.Adam(self.parameters, lr=1e-3, weight_decay=decay, fused=True)
        for _ in range(self.shape.epochs):
            for rows in torch.randperm(len(self.targets)).split(self.shape.batch):
                optimizer.zero_grad()
                targets = self.targets.index_select(0, rows)
                self.loss_function(self.forward(rows), targets).backward()
                optimizer.step()
