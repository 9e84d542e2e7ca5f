"""The models that count, by their definitions: exact fractions, one place at a time, no code shared with melgen."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

START = "start"


def followers(context, tunes, size):
    """What followed a context in tunes, of the tokens that are predicted."""
    found = Counter()
    for tune in tunes:
        for i in range(len(context), len(tune)):
            if list(tune[i - len(context) : i]) == list(context) and tune[i] < size:
                found[tune[i]] += 1
    return found


def ppm(past, tunes, size, bound):
    """Escape method C, interpolated; of no bound: the shortest deterministic context, or else the longest."""
    contexts = [tuple(past[len(past) - k :]) for k in range(len(past) + 1)]
    counts = [followers(context, tunes, size) for context in contexts]
    seen = [k for k in range(len(contexts)) if counts[k]]
    if bound is None:
        highest = next((k for k in seen if k and len(counts[k]) == 1), max(seen, default=-1))
    else:
        highest = max((k for k in seen if k <= bound), default=-1)
    p = [Fraction(1, size)] * size
    for k in range(highest + 1):
        total, kinds = sum(counts[k].values()), len(counts[k])
        p = [Fraction(counts[k][x] + kinds * p[x]) / (total + kinds) for x in range(size)]
    return p


def both(long_term, short_term, combination, bias):
    """The two distributions, weighed by their entropies."""
    size = len(long_term)
    if size == 1:
        return [1.0]

    def weight(p):
        entropy = -sum(float(each) * math.log2(float(each)) for each in p)
        return (entropy / math.log2(size)) ** -bias

    weights = [weight(p) for p in (long_term, short_term)]
    pairs = list(zip(long_term, short_term, strict=True))
    if combination == "arithmetic":
        return [sum(w * float(p) for w, p in zip(weights, pair, strict=True)) / sum(weights) for pair in pairs]
    products = [math.prod(float(p) ** (w / sum(weights)) for w, p in zip(weights, pair, strict=True)) for pair in pairs]
    return [product / sum(products) for product in products]


def kneser_ney(past, tunes, size, order):
    """Interpolated modified Kneser-Ney smoothing; Witten-Bell where counts of counts are of no use."""
    padded = [[START] * (order - 1) + list(tune) for tune in tunes]
    raw = Counter()  # (context, token) of each length
    for tune in padded:
        for i in range(order - 1, len(tune)):
            if tune[i] < size:
                for k in range(order):
                    raw[tuple(tune[i - k : i]), tune[i]] += 1

    def adjusted(k):
        if k == order - 1:
            return {pair: count for pair, count in raw.items() if len(pair[0]) == k}
        continued = Counter((context[1:], token) for context, token in raw if len(context) == k + 1)
        return {pair: raw[pair] if pair[0][:1] == (START,) else count for pair, count in continued.items()}

    history = ([START] * (order - 1) + list(past))[len(past) :] if order > 1 else []
    unigram = adjusted(0)
    p = [Fraction(unigram.get(((), x), 0) + 1, sum(unigram.values()) + size) for x in range(size)]
    for k in range(1, order):
        counts = adjusted(k)
        own = [counts.get((tuple(history[len(history) - k :]), x), 0) for x in range(size)]
        if not any(own):
            break
        n = [sum(count == i for count in counts.values()) for i in range(5)]
        d = None
        if n[1] and n[2] and n[3]:
            y = Fraction(n[1], n[1] + 2 * n[2])
            d = [0, *(i - (i + 1) * y * Fraction(n[i + 1], n[i]) for i in (1, 2, 3))]
        if d is None or min(d[1:]) <= 0:
            kinds = sum(count > 0 for count in own)
            p = [(own[x] + kinds * p[x]) / Fraction(sum(own) + kinds) for x in range(size)]
        else:
            left = sum(d[min(count, 3)] for count in own)
            p = [(own[x] - d[min(own[x], 3)] + left * p[x]) / sum(own) for x in range(size)]
    return p
