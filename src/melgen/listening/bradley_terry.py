"""The Bradley-Terry model of paired comparisons, with ties as in Davidson (1970), fitted by penalised likelihood.

Each condition has an ability, a log odds; that of the reference is 0. A listener compares two conditions with the
abilities ``a`` and ``b``. With ``d = a - b``, the propensity to ties ``n``, and
``D = exp(d / 2) + exp(-d / 2) + n``, the listener

* prefers the first with probability ``exp(d / 2) / D``,
* hears no difference with probability ``n / D``,
* prefers the second with probability ``exp(-d / 2) / D``.

Without ties, ``n = 0``, this is the model of Bradley and Terry (1952). The *preference score* of the first over the
second is the probability of a preference plus half the probability of a tie. The maximum likelihood estimate makes the
expected sum of the scores of each condition equal to the observed one.

A condition that wins every comparison has no finite maximum likelihood estimate. Therefore a weak prior is added: the
differences of the abilities from their mean, and ``log n``, are normal with mean 0 and standard deviation
`PRIOR_DEVIATION`. It weighs less than one judgement a condition. The penalised log likelihood is strictly concave, so
that its maximum is unique.

R. A. Bradley and M. E. Terry, "Rank analysis of incomplete block designs: I. The method of paired comparisons",
*Biometrika* 39 (1952), 324-345. R. R. Davidson, "On extending the Bradley-Terry model to accommodate ties in paired
comparison experiments", *Journal of the American Statistical Association* 65 (1970), 317-328.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

PRIOR_DEVIATION = 3.0
"""Of abilities and of the log propensity to ties: a prior 95% range of e⁻⁶ to e⁶ for odds."""

GRADIENT_TOLERANCE = 1e-7
"""Where the search for the maximum ends, in judgements."""

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]


class Outcomes(NamedTuple):
    """Probabilities of the three answers, each in the shape of the differences of abilities."""

    first: Numbers
    tie: Numbers
    second: Numbers

    @property
    def score(self) -> Numbers:
        """The preference score of the first: a tie counts half."""
        return self.first + self.tie / 2


@dataclass(frozen=True)
class Judgements:
    """Comparisons of two conditions.

    Attributes:
        first, second: the number of either condition.
        score: 1 where the first was preferred, 0 where the second was, 1/2 for a tie.

    Shape:
        All ``[judgements]``.
    """

    first: Indices
    second: Indices
    score: Numbers

    @property
    def is_tie(self) -> NDArray[np.bool_]:
        """Where no difference was heard."""
        return self.score == 0.5

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True)
class Fit:
    """Abilities fitted to judgements.

    Attributes:
        abilities: log odds; that of the reference is 0: ``[conditions]``.
        log_ties: the logarithm of the propensity to ties.
        reference: the number of the reference.
        covariance: the inverse information, penalty included, of all abilities and of `log_ties`; the row and the
            column of the reference are 0: ``[conditions + 1, conditions + 1]``.
    """

    abilities: Numbers
    log_ties: float
    reference: int
    covariance: Numbers

    @property
    def scores(self) -> Numbers:
        """The preference score of each condition over the reference: ``[conditions]``."""
        return outcomes(self.abilities, self.log_ties).score


def outcomes(difference: ArrayLike, log_ties: float) -> Outcomes:
    """The probabilities of the three answers for differences of abilities.

    >>> [round(float(each), 3) for each in outcomes(np.log(3), -np.inf)]
    [0.75, 0.0, 0.25]
    """
    from scipy.special import softmax

    half = np.asarray(difference, np.float64) / 2
    first, tie, second = softmax(np.stack([half, np.full_like(half, log_ties), -half]), axis=0)
    return Outcomes(first, tie, second)


def fit(judgements: Judgements, conditions: int, reference: int, prior_deviation: float = PRIOR_DEVIATION) -> Fit:
    """Fit the model; see the head of this module.

    Args:
        judgements: at least one.
        conditions: their number.
        reference: the number of the condition whose ability is 0.
        prior_deviation: of the weak prior; a large one comes near to the maximum likelihood estimate.

    Raises:
        ValueError: if there is no judgement.

    >>> wins = Judgements(np.zeros(4, int), np.ones(4, int), np.array([1.0, 1.0, 1.0, 0.0]))
    >>> float(fit(wins, 2, 1, prior_deviation=1000).abilities[0].round(3))  # without ties: the log odds of 3 to 1
    1.099
    """
    from scipy.optimize import minimize

    if not len(judgements):
        raise ValueError("abilities cannot be fitted without a judgement")
    target = _Target(judgements, conditions, reference, prior_deviation)
    found = minimize(
        target.value,
        np.zeros(conditions),
        method="trust-exact",
        jac=target.gradient,
        hess=target.hessian,
        options={"gtol": GRADIENT_TOLERANCE},
    )
    return target.fit_of(found.x)


def judgement_gradients(judgements: Judgements, fitted: Fit) -> Numbers:
    """The gradient of the log likelihood of each judgement: ``[judgements, conditions + 1]``, 0 for the reference."""
    at_odds = outcomes(fitted.abilities[judgements.first] - fitted.abilities[judgements.second], fitted.log_ties)
    gradients = np.zeros((len(judgements), len(fitted.abilities) + 1))
    rows, surprise = np.arange(len(judgements)), judgements.score - at_odds.score
    gradients[rows, judgements.first] += surprise
    gradients[rows, judgements.second] -= surprise
    gradients[:, -1] = judgements.is_tie - at_odds.tie
    gradients[:, fitted.reference] = 0
    return gradients


class _Target:
    """The negative penalised log likelihood of the abilities without that of the reference, and of `log_ties`."""

    def __init__(self, judgements: Judgements, conditions: int, reference: int, prior_deviation: float):
        self.conditions, self.reference = conditions, reference
        self.weight = 1 / prior_deviation**2
        # Equal comparisons are added up: their number does not grow with the listeners.
        pairs = np.stack([judgements.first, judgements.second], axis=1)
        rows, which = np.unique(pairs, axis=0, return_inverse=True)
        self.first, self.second = rows.T
        which = which.ravel()
        self.count = np.bincount(which).astype(np.float64)
        self.score = np.bincount(which, judgements.score)
        self.ties = np.bincount(which, judgements.is_tie.astype(np.float64))
        self.free = np.delete(np.arange(conditions + 1), reference)
        centre = np.eye(conditions) - 1 / conditions
        self.penalty = np.zeros((conditions + 1, conditions + 1))
        self.penalty[:-1, :-1], self.penalty[-1, -1] = centre * self.weight, self.weight

    def _full(self, free: Numbers) -> Numbers:
        full = np.zeros(self.conditions + 1)
        full[self.free] = free
        return full

    def value(self, free: Numbers) -> float:
        from scipy.special import logsumexp

        full = self._full(free)
        half = (full[self.first] - full[self.second]) / 2
        normaliser = logsumexp(np.stack([half, np.full_like(half, full[-1]), -half]), axis=0)
        # A tie has half a win and half a loss in the score, which cancel.
        gain = (2 * self.score - self.count) * half + self.ties * full[-1] - self.count * normaliser
        return float(-gain.sum() + full @ self.penalty @ full / 2)

    def gradient(self, free: Numbers) -> Numbers:
        full = self._full(free)
        at_odds = outcomes(full[self.first] - full[self.second], full[-1])
        slope = self.penalty @ full
        surprise = self.score - self.count * at_odds.score
        np.add.at(slope, self.first, -surprise)
        np.add.at(slope, self.second, surprise)
        slope[-1] -= (self.ties - self.count * at_odds.tie).sum()
        return slope[self.free]

    def hessian(self, free: Numbers) -> Numbers:
        full = self._full(free)
        at_odds = outcomes(full[self.first] - full[self.second], full[-1])
        # Variances and covariance of the score and of the indicator of a tie, in one comparison.
        of_score = self.count * (at_odds.first + at_odds.tie / 4 - at_odds.score**2)
        of_tie = self.count * at_odds.tie * (1 - at_odds.tie)
        of_both = self.count * at_odds.tie * (0.5 - at_odds.score)
        curve = self.penalty.copy()
        for one, other, sign in (
            (self.first, self.first, 1),
            (self.second, self.second, 1),
            (self.first, self.second, -1),
            (self.second, self.first, -1),
        ):
            np.add.at(curve, (one, other), sign * of_score)
        for one, sign in ((self.first, 1), (self.second, -1)):
            np.add.at(curve, (one, -1), sign * of_both)
            np.add.at(curve, (-1, one), sign * of_both)
        curve[-1, -1] += of_tie.sum()
        return curve[np.ix_(self.free, self.free)]

    def fit_of(self, free: Numbers) -> Fit:
        covariance = np.zeros((self.conditions + 1, self.conditions + 1))
        covariance[np.ix_(self.free, self.free)] = np.linalg.inv(self.hessian(free))
        full = self._full(free)
        return Fit(full[:-1], float(full[-1]), self.reference, covariance)
