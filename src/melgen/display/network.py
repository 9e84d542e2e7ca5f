"""A trained network: a card of its properties and metrics."""

from __future__ import annotations

from melgen.display.markup import block, pairs, remark
from melgen.network import Network
from melgen.networks import count_parameters

_SPLITS = ("val/", "test/")
_MOST_METRICS = 30


def html(network: Network) -> str:
    """Name, representation, cells, size, metrics of validation and test, licence, and the notice of its corpus."""
    model = network.trained.model
    metrics = [(key, value) for key, value in sorted(network.metrics.items()) if key.startswith(_SPLITS)]
    rows: list[tuple[str, object]] = [
        ("network", network.name),
        ("representation", network.trained.representation.name),
        *([("rhythm", network.trained.rhythm.name)] if network.has_rhythm else []),
        ("layers", model.shape_in_words),
        ("parameters", f"{count_parameters(model):,}"),
        ("updates", f"{network.trained.updates:,}"),
        *((key, f"{value:.4g}") for key, value in metrics[:_MOST_METRICS]),
        *([("licence", network.licence)] if network.licence else []),
    ]
    return block("network", pairs(rows), remark(network.notice), remark("page() shows its report."))


def text(network: Network) -> str:
    """Its name and representation."""
    return repr(network)
