"""``network.js`` in a browser, under the content policy of a page: only the scripts whose hashes it names."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
import torch

from melgen.engine import script
from melgen.engine.network import network_data
from melgen.networks import MelodyModel
from tests.engine.engines import TOLERANCE, by_torch, error_of, random_tokens
from tests.pages.browser import Browser, missing

pytestmark = pytest.mark.slow
READ = """
const given = JSON.parse(document.getElementById("given").textContent);
const network = new Network(given.data);
let state = network.start();
window.found = given.tokens.map((token) => {
  const read = network.step(token, state);
  state = read.state;
  return [...read.logits];
});
"""


def test_it_runs_in_a_browser_under_a_strict_policy(tmp_path):
    if reason := missing():
        pytest.skip(reason)
    torch.manual_seed(2)
    model = MelodyModel(vocab_size=12, hidden_size=9).eval()
    tokens = random_tokens(model, 20)
    given = json.dumps({"data": network_data(model), "tokens": tokens.tolist()})
    program = f'"use strict";\n(() => {{\n{script("network")}\n{READ}\n}})();\n'
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{digest}'"
    page = tmp_path / "page.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<script type="application/json" id="given">{given}</script><script>{program}</script>'
    )
    browser = Browser()
    try:
        browser.open(page)
        found = browser.run("return window.found")
        assert browser.logs() == []
    finally:
        browser.quit()
    assert error_of(found, by_torch(model, tokens, tokens)[0]) < TOLERANCE
