"""The topics of the suite: each module has ``rows(bench)``, which yields rows of the report."""

# In the order in which they run; each is a module of this package.
TOPICS = (
    "training",
    "steps",
    "accuracy",
    "throughput",
    "latency",
    "partial_fit",
    "sparse",
    "memory",
    "threads",
    "sweep",
)
