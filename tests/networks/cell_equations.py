"""The cells again in NumPy, from the publications and TensorFlow 1's equations: one plain step each.

Kernels have TensorFlow's shape ``[input + hidden, blocks * hidden]`` and its order of blocks. They are the right factor
of each product.
"""

import numpy as np


def sigma(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, state, kernel, bias):
    h, c = state
    i, j, f, o = np.split(np.concatenate([x, h], 1) @ kernel + bias, 4, axis=1)
    c = c * sigma(f + 1) + sigma(i) * np.tanh(j)
    return np.tanh(c) * sigma(o), c


def rnn(x, state, kernel, bias):
    (h,) = state
    return (np.tanh(np.concatenate([x, h], 1) @ kernel + bias),)


def gru(x, state, gate_kernel, gate_bias, candidate_kernel, candidate_bias):
    (h,) = state
    r, u = np.split(sigma(np.concatenate([x, h], 1) @ gate_kernel + gate_bias), 2, axis=1)
    candidate = np.tanh(np.concatenate([x, r * h], 1) @ candidate_kernel + candidate_bias)
    return (u * h + (1 - u) * candidate,)


def ugrnn(x, state, kernel, bias):
    (h,) = state
    g, c = np.split(np.concatenate([x, h], 1) @ kernel + bias, 2, axis=1)
    g = sigma(g + 1)
    return (g * h + (1 - g) * np.tanh(c),)


def nas(x, state, input_kernel, state_kernel):
    h, c = state
    of_input = np.split(x @ input_kernel, 8, axis=1)
    of_state = np.split(h @ state_kernel, 8, axis=1)
    summed = [a + b for a, b in zip(of_input, of_state, strict=True)]
    # The tree of the publication's figure, from the leaves upwards. The cell state enters at its first node.
    left = np.tanh(sigma(summed[0]) * np.maximum(summed[1], 0))
    left_right = np.tanh(sigma(summed[2]) + np.maximum(of_input[3] * of_state[3], 0))
    right = np.tanh(np.tanh(summed[4]) * sigma(summed[5]))
    right_right = sigma(np.tanh(summed[6]) + sigma(summed[7]))
    c = np.tanh(left + c) * left_right
    return np.tanh(c * np.tanh(right + right_right)), c


def slstm(x, state, input_kernels, state_kernels, biases):
    """Kernels and biases of i, f, z, o."""
    h, c, n, m = state
    parts = zip(input_kernels, state_kernels, biases, strict=True)
    i, f, z, o = (x @ of_input + h @ of_state + bias for of_input, of_state, bias in parts)
    log_f = -np.logaddexp(0, -f)
    begins = n == 0
    m_after = np.where(begins, i, np.maximum(i, log_f + m))
    kept = np.where(begins, 0, np.exp(np.where(begins, 0, log_f + m - m_after)))
    added = np.exp(i - m_after)
    c, n = kept * c + added * np.tanh(z), kept * n + added
    return sigma(o) * c / n, c, n, m_after


def mogrifier(x, state, gates, kernel, bias):
    """Gates as right factors of h and x in turns, and the LSTM's kernel of i, f, g, o.

    google-deepmind/lamb, lamb/tiled_lstm.py, TiledLSTMCell has the same form, with feature_mask_rounds = rounds,
    feature_mask_rank=0, cap_input_gate=False and without the biases of its masks.
    """
    h, c = state
    for turn, gate in enumerate(gates):
        if turn % 2 == 0:
            x = 2 * sigma(h @ gate) * x
        else:
            h = 2 * sigma(x @ gate) * h
    i, f, g, o = np.split(np.concatenate([x, h], 1) @ kernel + bias, 4, axis=1)
    c = sigma(f) * c + sigma(i) * np.tanh(g)
    return sigma(o) * np.tanh(c), c


def attention(inputs, heads, window, query_kernel, key_kernel, value_kernel, distance_bias, output_kernel, bias):
    """Outputs ``[B, T, H]`` of inputs ``[B, T, I]``, one note, head and distance after another."""
    batch, steps, _ = inputs.shape
    width = output_kernel.shape[0] // heads
    outputs = np.empty((batch, steps, output_kernel.shape[1]))
    for b in range(batch):
        for t in range(steps):
            found = []
            for head in range(heads):
                own = slice(head * width, (head + 1) * width)
                query = (inputs[b, t] @ query_kernel)[own]
                scores, values = [], []
                for distance in range(min(window, t + 1)):
                    note = inputs[b, t - distance]
                    key = (note @ key_kernel)[own]
                    scores.append(query @ key / np.sqrt(width) + distance_bias[head, distance])
                    values.append((note @ value_kernel)[own])
                shares = np.exp(np.array(scores) - max(scores))
                found.append(shares / shares.sum() @ np.array(values))
            outputs[b, t] = np.concatenate(found) @ output_kernel + bias
    return outputs


def positive(v):
    return np.where(v >= 0, v + 0.5, sigma(v))


def min_gru(x, state, write, write_bias, candidate, candidate_bias):
    (h,) = state
    z = sigma(x @ write.T + write_bias)
    return ((1 - z) * h + z * positive(x @ candidate.T + candidate_bias),)


def min_lstm(x, state, forget, forget_bias, entry, entry_bias, candidate, candidate_bias):
    (h,) = state
    f, i = sigma(x @ forget.T + forget_bias), sigma(x @ entry.T + entry_bias)
    return (f / (f + i) * h + i / (f + i) * positive(x @ candidate.T + candidate_bias),)


def rg_lru(x, state, weight, bias, recurrence, recurrence_bias, entry, entry_bias, forgetting):
    (h,) = state
    u = x @ weight.T + bias
    r, i = sigma(u @ recurrence.T + recurrence_bias), sigma(u @ entry.T + entry_bias)
    a = np.exp(-8 * r * np.log(1 + np.exp(forgetting)))
    return (a * h + np.sqrt(1 - a**2) * (i * u),)


def lru(x, state, nu, theta, gamma, b, c, d):
    """The state is ``(y, h)``. The step does not read y, the output without mixer."""
    _, h = state
    h = np.exp(-np.exp(nu) + 1j * np.exp(theta)) * h + np.exp(gamma) * (x @ b.T)
    return (h @ c.T).real + x @ d.T, h


def independent(x, state, weight, bias, factor):
    """Sunnydreamrain/IndRNN_pytorch, IndRNN_onlyrecurrent.py has the same form."""
    (h,) = state
    return (np.maximum(0, x @ weight.T + bias + factor * h),)


def hgrn2(x, state, query, query_bias, forget, forget_bias, value, value_bias, least, norm):
    """The state is ``(y, S)``. The step does not read y, the output. Each loop is a sum of the publication."""
    _, memory = state
    q = x @ query.T + query_bias
    q, v = q * sigma(q), x @ value.T + value_bias
    f = least + (1 - least) * sigma(x @ forget.T + forget_bias)
    batch, heads, width, _ = memory.shape
    y, after = np.zeros_like(v), np.empty_like(memory)
    for row in range(batch):
        for head in range(heads):
            own = slice(head * width, (head + 1) * width)
            after[row, head] = np.diag(f[row, own]) @ memory[row, head] + np.outer(1 - f[row, own], v[row, own])
            y[row, own] = after[row, head].T @ q[row, own]
        if norm:
            y[row] /= np.sqrt(np.mean(y[row] ** 2) + 1e-5)
    return y, after


def scan(step, inputs, state, *weights):
    """Outputs ``[B, T, H]`` and last state of a step over inputs ``[B, T, I]``."""
    outputs = []
    for time in range(inputs.shape[1]):
        state = step(inputs[:, time], state, *weights)
        outputs.append(state[0])
    return np.stack(outputs, axis=1), state


def torch_kernel(weight_ih, weight_hh, order):
    """TensorFlow's kernel from torch-like weights; its block k is our block ``order[k]``."""
    hidden_size = weight_hh.shape[1]
    both = np.concatenate([weight_ih, weight_hh], axis=1)
    blocks = np.split(both, both.shape[0] // hidden_size, axis=0)
    return np.concatenate([blocks[k].T for k in order], axis=1)


def in_order(bias, order):
    blocks = np.split(bias, len(order))
    return np.concatenate([blocks[k] for k in order])
