"""Debian's Chromium, headless and without a network, with the actions that these tests need."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WAIT_S = 60  # enough for a busy machine

SAME_RANDOM_NUMBERS = """
{
  let state = 1;
  Math.random = () => (state = (state * 48271) % 2147483647) / 2147483647;
}"""
"""Lehmer's generator, from the same state in every page: a network writes the same notes in every run of a test."""

LOUDNESS = """
const samples = new Float32Array(melgen.player.synth.analyser.fftSize);
melgen.player.synth.analyser.getFloatTimeDomainData(samples);
return Math.max(...samples.map(Math.abs));"""
"""The largest sample of what sounds now, for `Browser.run`."""


def missing() -> str | None:
    """The reason why there is no browser to test in; ``None`` if there is one."""
    for name in ("chromium", "chromedriver"):
        if shutil.which(name) is None:
            return f"{name} is not installed (apt-get install chromium chromium-driver)"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed"
    return None


class Browser:
    """One window; a page is opened from the file system, or from a server on this machine."""

    def __init__(self) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--use-angle=swiftshader",  # 3-D without a graphics card
            "--enable-unsafe-swiftshader",
            # What is flat is drawn without SwiftShader, which would take more time for it than all the rest.
            "--disable-gpu-rasterization",
            "--disable-gpu-compositing",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no network but this machine
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SAME_RANDOM_NUMBERS})

    def open(
        self, page: Path | str, *, width: int = 1280, height: int = 900, dark: bool = False, calm: bool = True
    ) -> None:
        """Open a file, or an address, in a new state."""
        self.driver.get("about:blank")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width < 500})
        features = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if calm else "no-preference",
        }
        named = [{"name": name, "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})
        self.logs()
        self.requests()
        self.driver.get(page if isinstance(page, str) else page.resolve().as_uri())

    def reload(self) -> bool:
        """Load the page again, and return whether its store is still there.

        A fresh Chromium sometimes loses the store of a page from the file system.
        """
        self.driver.refresh()
        return bool(self.run("return localStorage.length"))

    def run(self, script: str, *arguments: Any) -> Any:
        """Return the value of a piece of JavaScript."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, *arguments: Any) -> Any:
        """Wait until a piece of JavaScript returns a true value, and return it."""
        return until(lambda: self.run(script, *arguments), script)

    def pause(self) -> None:
        """Wait until the page is painted, also on a busy machine, and a little longer."""
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        time.sleep(0.2)

    def go_to(self, section: str) -> None:
        """Scroll to a section, which draws it."""
        self.run("document.getElementById(arguments[0]).scrollIntoView()", section)
        self.pause()

    def click(self, selector: str, nth: int = 0) -> None:
        """Click like a mouse in the middle of an element."""
        self.wait("return document.querySelectorAll(arguments[0]).length > arguments[1]", selector, nth)
        place = """
            const element = document.querySelectorAll(arguments[0])[arguments[1]];
            element.scrollIntoView({ block: "center" });
            const box = element.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2];"""
        seen = None
        while seen != (found := self.run(place, selector, nth)):  # parts above it may still be drawn
            seen = found
            self.pause()
        self.click_at(*found)

    def click_at(self, x: float, y: float) -> None:
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            event = {
                "type": kind,
                "x": x,
                "y": y,
                "button": "none" if kind == "mouseMoved" else "left",
                "clickCount": 1,
            }
            self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    def press(self, key: str, code: int) -> None:
        """Press and release a key."""
        text = {"Enter": "\r", "Space": " "}.get(key)
        event = {"key": " " if key == "Space" else key, "code": key, "windowsVirtualKeyCode": code}
        down = {"type": "keyDown", **event, **({"text": text} if text else {})}
        self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", down)
        self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    def saved_by(self, button: str) -> bytes:
        """The content of the file that a button saves."""
        self.run(
            """window.saved = null;
               const create = URL.createObjectURL;
               URL.createObjectURL = (blob) => { window.saved = blob; return create(blob); };
               document.querySelector(arguments[0]).click();""",
            button,
        )
        self.wait("return window.saved !== null")
        text = self.driver.execute_async_script(
            """const done = arguments[0], reader = new FileReader();
               reader.onload = () => done(reader.result.split(',')[1]);
               reader.readAsDataURL(window.saved);"""
        )
        return base64.b64decode(text)

    def see_all(self) -> None:
        """Scroll through the page, so that every part is drawn."""
        self.run("window.scrollTo(0, 0)")
        place = 0
        while place < self.run("return document.documentElement.scrollHeight"):
            self.run("window.scrollTo(0, arguments[0])", place)
            self.pause()
            place += 600
        self.wait("return [...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('.plotly'))")

    def logs(self) -> list[str]:
        """Messages of the console since the last call."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Every address that was requested since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def names_missing(self) -> list[str]:
        """Controls that a screen reader could not name."""
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        controls = {"button", "combobox", "slider", "checkbox", "link", "searchbox", "textbox", "region"}
        return [
            node["role"]["value"]
            for node in nodes
            if not node["ignored"]
            and node["role"]["value"] in controls
            and not node.get("name", {}).get("value", "").strip()
        ]

    def quit(self) -> None:
        self.driver.quit()


def until(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"never came true: {what}")


CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
"""JavaScript that returns the texts that are too faint."""
