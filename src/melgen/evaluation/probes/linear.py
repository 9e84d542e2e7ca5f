"""A linear probe: what can be read from the states of a network by a linear function.

The probe is linear discriminant analysis (Fisher, *The use of multiple measurements in taxonomic problems*, Annals of
Eugenics 7, 1936), with one covariance within all classes, equal priors, and a multiple of the unit matrix added to the
covariance (Friedman, *Regularized discriminant analysis*, JASA 84, 1989). It has a closed form. A ridge regression onto
class indicators could miss a class whose mean is between those of others (Hastie, Tibshirani and Friedman, *The
Elements of Statistical Learning*, 2nd edition, section 4.2), such as the second of three beats.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHRINKAGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Numbers added to the diagonal of the covariance, in parts of its mean; validation tunes choose one."""

SHUFFLES = 5
"""Probes of shuffled classes, whose accuracies are averaged."""

LEAST_TUNES_OF_CLASS = 5
"""A class in fewer tunes, of training or of the measured ones, is left out, since the notes of one tune are alike."""

UNKNOWN = -1
"""The class of a note whose class is unknown; it is left out."""

States = NDArray[np.float32]
Classes = NDArray[np.int64]


class Labelled(NamedTuple):
    """Notes with states and classes.

    Shape:
        `states` ``[notes, W]``; `classes` ``[notes]``, whole numbers from 0, or `UNKNOWN`; `tunes` ``[notes]``, the
        number of the tune of each note.
    """

    states: States
    classes: Classes
    tunes: NDArray[np.int64]


class ProbeResult(NamedTuple):
    """The accuracy of a probe.

    Attributes:
        accuracy: balanced: the mean over classes of the share of a class's notes that are recognised; nan with fewer
            than two classes.
        shuffled: the same, of probes that were trained on the same states with their classes shuffled, the mean of
            `SHUFFLES`.
        classes: number of classes; the accuracy of guessing is 1 / classes.
        notes: number of measured notes.
    """

    accuracy: float
    shuffled: float
    classes: int
    notes: int

    @property
    def chance(self) -> float:
        """The balanced accuracy of guessing."""
        return 1 / self.classes if self.classes else math.nan


def probe(train: Labelled, validation: Labelled, test: Labelled, seed: int = 0) -> ProbeResult:
    """Fit a probe on training tunes, choose its shrinkage on validation tunes, and measure it on test tunes.

    Of equally good shrinkages the larger is chosen; without validation notes it is 0.01.

    Args:
        train, validation, test: notes of the three splits.
        seed: of the shuffled classes.
    """
    known = np.intersect1d(_classes_of_several_tunes(train), _classes_of_several_tunes(test))
    parts = [_only(part, known) for part in (train, validation, test)]
    if len(known) < 2:
        return ProbeResult(math.nan, math.nan, len(known), len(parts[2].classes))
    train, validation, test = parts
    generator = np.random.default_rng(seed)
    spread = Spread(train.states)
    accuracies = [
        _measured(LinearDiscriminant(spread, classes, len(known)), validation, test)
        for classes in (train.classes, *(generator.permutation(train.classes) for _ in range(SHUFFLES)))
    ]
    return ProbeResult(accuracies[0], float(np.mean(accuracies[1:])), len(known), len(test.classes))


def balanced_accuracy(found: ArrayLike, true: ArrayLike) -> float:
    """The mean over the classes in `true` of the share of their notes that were found; nan without notes.

    >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0]), balanced_accuracy([0, 0, 0, 0], [0, 0, 0, 1])
    (0.75, 0.5)
    """
    guesses, classes = np.asarray(found, np.int64), np.asarray(true, np.int64)
    if not len(classes):
        return math.nan
    counts = np.bincount(classes)
    right = np.bincount(classes[guesses == classes], minlength=len(counts))
    return float((right[counts > 0] / counts[counts > 0]).mean())


class Spread:
    """States without their mean, and the sums of their products, which probes for several classes have in common.

    Args:
        states: ``[notes, W]``.
    """

    def __init__(self, states: States):
        values = np.asarray(states, np.float64)
        self.centre = values.mean(axis=0)
        self.centred = values - self.centre
        self.products = self.centred.T @ self.centred


class LinearDiscriminant:
    """Linear discriminant analysis, fitted once for all shrinkages.

    Args:
        spread: of the training states.
        classes: ``[notes]``, from 0 to `count` - 1, each at least once.
        count: number of classes.
    """

    def __init__(self, spread: Spread, classes: Classes, count: int):
        self._centre = spread.centre
        indicators = np.zeros((count, len(classes)))
        indicators[classes, np.arange(len(classes))] = 1
        notes = indicators.sum(axis=1, keepdims=True)
        self._means = indicators @ spread.centred / notes
        # All products are those within classes and those between their means.
        within = (spread.products - self._means.T @ (notes * self._means)) / len(classes)
        values, self._axes = np.linalg.eigh(within)
        self._spread = np.maximum(values, 0.0)

    def classify(self, states: States, shrinkage: float) -> Classes:
        """The class whose mean is nearest to each state, by the regularised covariance: ``[notes]``."""
        added = shrinkage * self._spread.mean() or np.finfo(float).tiny  # states that do not vary within classes
        means = self._means @ self._axes
        weights = means / (self._spread + added)
        scores = (np.asarray(states, np.float64) - self._centre) @ (self._axes @ weights.T)
        return np.argmax(scores - 0.5 * (means * weights).sum(axis=1), axis=1)


def _measured(fitted: LinearDiscriminant, validation: Labelled, test: Labelled) -> float:
    chosen = SHRINKAGES[2]
    if len(validation.classes):
        found = {each: balanced_accuracy(fitted.classify(validation.states, each), validation.classes)
                 for each in SHRINKAGES}  # fmt: skip
        chosen = max(SHRINKAGES, key=lambda each: (found[each], each))
    return balanced_accuracy(fitted.classify(test.states, chosen), test.classes)


def _classes_of_several_tunes(part: Labelled) -> Classes:
    """The classes whose notes are in enough tunes: ``[classes]``."""
    known = part.classes != UNKNOWN
    pairs = np.unique(np.stack([part.classes[known], part.tunes[known]]), axis=1)
    classes, tunes = np.unique(pairs[0], return_counts=True)
    return classes[tunes >= LEAST_TUNES_OF_CLASS]


def _only(part: Labelled, known: Classes) -> Labelled:
    """The notes of known classes, which are numbered again from 0."""
    chosen = np.isin(part.classes, known)
    return Labelled(part.states[chosen], np.searchsorted(known, part.classes[chosen]), part.tunes[chosen])
