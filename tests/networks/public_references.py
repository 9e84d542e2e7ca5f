"""Cells as their authors' or others' public code computes them, from the zero state, in float64.

Each function has the form of the public code where it differs from the publication's equations in `cell_equations`: a
scan in log space, a parallel scan, gates in blocks. So it shows that both forms are one function. Where the public code
has the publication's form, `cell_equations` names it.
"""

import numpy as np

from tests.networks.cell_equations import sigma


def softplus(v):
    return np.logaddexp(0, v)


def scan_in_logarithms(log_kept, log_added):
    """h' = kept * h + added of positive numbers, ``[B, T, H]``, by sums of logarithms up to each step."""
    so_far = np.cumsum(log_kept, axis=1)
    return np.exp(so_far + np.logaddexp.accumulate(log_added - so_far, axis=1))


def log_positive(v):
    return np.where(v >= 0, np.log(np.maximum(v, 0) + 0.5), -softplus(-v))


def min_gru(gate, candidate):
    """lucidrains/minGRU-pytorch, minGRU_pytorch/minGRU.py: ``[B, T, H]`` of products of the input."""
    return scan_in_logarithms(-softplus(gate), -softplus(-gate) + log_positive(candidate))


def min_lstm(forget, entry, candidate):
    """lucidrains/minGRU-pytorch, minGRU_pytorch/minLSTM.py: ``[B, T, H]`` of products of the input.

    With a state that is carried the public code is another function, so it is compared from the zero state only.
    """
    difference = softplus(-forget) - softplus(-entry)
    return scan_in_logarithms(-softplus(difference), -softplus(-difference) + log_positive(candidate))


def by_blocks(weight, bias, input):
    """A product with a weight of diagonal blocks: weight ``[heads, d, d]``, a right factor, and bias ``[heads, d]``."""
    heads, width = bias.shape
    parts = input.reshape(*input.shape[:-1], heads, width)
    return (np.einsum("...hi,hij->...hj", parts, weight) + bias).reshape(input.shape)


def rg_lru(u, entry, recurrence, forgetting, position):
    """google-deepmind/recurrentgemma, recurrentgemma/torch/layers.py: RGLRU of ``[B, T, H]``.

    Args:
        u: what it reads.
        entry, recurrence: the gates, each with a weight and a bias for `by_blocks`.
        forgetting: L.
        position: of each note in its document, ``[T]``. At position 0 the state is dropped and the input has its whole
            weight.
    """
    log_a = -8 * sigma(by_blocks(*recurrence, u)) * softplus(forgetting)
    begins = (position == 0)[:, None]
    written = u * sigma(by_blocks(*entry, u)) * np.where(begins, 1, np.sqrt(1 - np.exp(2 * log_a)))
    h, outputs = np.zeros_like(u[:, 0]), []
    for kept, added in zip(np.where(begins, 0, np.exp(log_a)).swapaxes(0, 1), written.swapaxes(0, 1), strict=True):
        h = kept * h + added
        outputs.append(h)
    return np.stack(outputs, axis=1)


def slstm(products, recurrent):
    """NX-AI/xlstm, xlstm/blocks/slstm/src/vanilla/slstm.py.

    It asks whether n is 0 everywhere in the batch. From the zero state this is so before the first note only.

    Shape:
        products of the input with their bias ``[B, T, 4, H]``, blocks i, f, z, o; recurrent ``[heads, d, 4, d]``, by
        which the outputs of a head are multiplied; outputs ``[B, T, H]``.
    """
    batch, steps, _, hidden = products.shape
    heads, width = recurrent.shape[:2]
    y, c, n, m = np.zeros((4, batch, hidden))
    outputs = []
    for step in range(steps):
        of_state = np.einsum("bhi,higj->bghj", y.reshape(batch, heads, width), recurrent)
        i, f, z, o = np.moveaxis(products[:, step] + of_state.reshape(batch, 4, hidden), 1, 0)
        kept = m - softplus(-f)
        m = i if (n == 0).all() else np.maximum(i, kept)
        c = np.exp(kept - m) * c + np.exp(i - m) * np.tanh(z)
        n = np.exp(kept - m) * n + np.exp(i - m)
        y = sigma(o) * c / n
        outputs.append(y)
    return np.stack(outputs, axis=1)


def hgrn2(query, forget, value, heads, least):
    """fla-org/flash-linear-attention, fla/layers/hgrn2.py without its norm, and fla/ops/gla/naive.py.

    The public code keeps logarithms of f, and multiplies q by ``d ** -0.5``.

    Shape:
        products of the input ``[B, T, H]``, outputs ``[B, T, H]``.
    """
    batch, steps, hidden = query.shape
    width = hidden // heads
    log_f = -softplus(-forget)
    if least:
        log_f = np.logaddexp(np.log(least), np.log1p(-least) + log_f)
    query = query * sigma(query) * width**-0.5
    q, k, v, log_f = (each.reshape(batch, steps, heads, width) for each in (query, 1 - np.exp(log_f), value, log_f))
    memory, outputs = np.zeros((batch, heads, width, width)), []
    for step in range(steps):
        memory = memory * np.exp(log_f[:, step, :, :, None]) + k[:, step, :, :, None] * v[:, step, :, None]
        outputs.append((q[:, step, :, :, None] * memory).sum(2).reshape(batch, hidden))
    return np.stack(outputs, axis=1)


def lru(inputs, nu, theta, gamma, b, c, d):
    """NicolasZucchet/minimal-LRU, lru/model.py: LRU of ``[B, T, I]``, by a parallel scan of pairs (factor, sum).

    Two pairs in a row make one: ``(a, b), (a', b')`` become ``(a' a, a' b + b')``. D is a vector there, so the input is
    as wide as the output.
    """
    added = inputs @ (b * np.exp(gamma)[:, None]).T
    factor = np.broadcast_to(np.exp(-np.exp(nu) + 1j * np.exp(theta)), added.shape).copy()
    reach, steps = 1, inputs.shape[1]
    while reach < steps:
        added[:, reach:] = factor[:, reach:] * added[:, :-reach] + added[:, reach:]
        factor[:, reach:] = factor[:, reach:] * factor[:, :-reach]
        reach *= 2
    return (added @ c.T).real + d * inputs
