"""The dashboard of a sweep on W&B: what is reported if W&B does not answer."""

from pathlib import Path

import pytest
import wandb

from melgen.publishing.result_tables import Target
from melgen.publishing.workspace import save


def test_without_a_connection_the_option_is_named(monkeypatch):
    def unreachable():
        raise wandb.errors.CommError("no route to the server")

    monkeypatch.setattr(wandb, "Api", unreachable)
    with pytest.raises(ValueError, match=r"^workspace=true: W&B did not save the dashboard \(CommError: no route"):
        save(Target("project", offline=False), Path("runs"))
