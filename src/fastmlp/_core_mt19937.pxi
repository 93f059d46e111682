# Draws from NumPy's legacy generator without its overhead.


cdef struct _BitGenerator:  # the start of bitgen_t in numpy/random/bitgen.h
    void *state


cdef fmlp_mt19937 *_state_of(generator) except NULL:
    cdef _BitGenerator *bits = <_BitGenerator *>PyCapsule_GetPointer(
        generator.capsule, "BitGenerator")
    return <fmlp_mt19937 *>bits.state


@functools.cache
def _knows_mt19937():
    """Does NumPy's MT19937, whose memory is its own affair, lie and round as the engine's does?"""
    generator = np.random.MT19937(0)
    state = generator.state["state"]
    words = np.asarray(state["key"], dtype=np.uint32).tobytes()
    if (len(words) + sizeof(int) != sizeof(fmlp_mt19937)
            or words != PyBytes_FromStringAndSize(<char *>_state_of(generator), len(words))
            or state["pos"] != _state_of(generator).position):
        return False
    theirs, ours = (np.random.RandomState(np.random.MT19937(0)) for _ in range(2))
    expected, got = theirs.uniform(-0.1, 0.1, 1000), np.empty(1000)
    _draw_uniform(ours._bit_generator, -0.1, 0.1, got)
    same = got.tobytes() == expected.tobytes()
    return same and ours.random_sample() == theirs.random_sample()


cdef _mt19937(random_state):
    """The generator behind a RandomState if the engine can draw from it, else None."""
    if type(random_state) is not np.random.RandomState:  # a subclass may draw otherwise
        return None
    generator = random_state._bit_generator
    if type(generator) is not np.random.MT19937 or not _knows_mt19937():
        return None
    return generator if 0 <= _state_of(generator).position <= FMLP_MT19937_WORDS else None


cdef _draw_uniform(generator, double low, double high, out):
    cdef _View o = _View(out, "out", "fd", out.ndim, True)
    cdef fmlp_mt19937 *state = _state_of(generator)
    cdef Py_ssize_t n = o.buffer.len // o.buffer.itemsize
    with generator.lock, nogil:
        fmlp_uniform(_isa, _dtype(&o.buffer), n, low, high, o.buffer.buf, state)


def uniform(random_state, double low, double high, out):
    """``out[...] = random_state.uniform(low, high, out.shape)``, to the bit, but faster."""
    generator = _mt19937(random_state)
    if generator is None:
        out[...] = random_state.uniform(low, high, out.shape)
    else:
        _draw_uniform(generator, low, high, out)


def shuffle(random_state, order):
    """``random_state.shuffle(order)`` of a RandomState and intp indices, to the bit, but faster."""
    if len(order) < 2:  # nothing to draw
        return
    generator = _mt19937(random_state)
    if generator is None or len(order) >= 1 << 32:
        random_state.shuffle(order)
        return
    cdef _View o = _View(order, "order", "lqn", 1, True)
    if o.buffer.itemsize != sizeof(Py_ssize_t):
        raise ValueError("order: needs intp indices")
    cdef fmlp_mt19937 *state = _state_of(generator)
    cdef Py_ssize_t n = o.length(0)
    with generator.lock, nogil:
        fmlp_shuffle(_isa, n, <Py_ssize_t *>o.buffer.buf, state)
