"""A headless Chromium that a test drives: the DevTools protocol over two pipes, nothing else."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
PATIENCE = 60
SHIM = """
import os, sys
held = [os.dup(0) for _ in range(5)]  # so that neither 3 nor 4 is an end yet
down, up = (os.dup(int(n)) for n in sys.argv[1:3])
for number, end in ((3, down), (4, up)):
    os.dup2(end, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, which reads commands from 3 and answers on 4."""


class Browser:
    """One process; every page is a target of its own."""

    def __init__(self, folder: Path, *more: str):
        down_read, down = os.pipe()
        up, up_write = os.pipe()

        self.process = subprocess.Popen(
            [sys.executable, "-c", SHIM, str(down_read), str(up_write), str(CHROMIUM),
             "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             f"--user-data-dir={folder}", "--remote-debugging-pipe", *more, "about:blank"],
            pass_fds=(down_read, up_write), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(down_read)
        os.close(up_write)
        self.down, self.up = down, up
        self.buffer = b""
        self.count = 0
        self.events: list[dict] = []

    def send(self, method, session=None, **params):
        """Call a method of the protocol and wait for its answer."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.down, data) :]
        number = self.count
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def wait(self, method, session):
        """Wait for an event, and return what it says."""
        while True:
            for event in self.events:
                if event.get("method") == method and event.get("sessionId") == session:
                    self.events.remove(event)
                    return event["params"]
            self.events.append(self._next())

    def _next(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.up], [], [], max(end - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            got = os.read(self.up, 1 << 20)
            assert got, "the browser has gone"
            self.buffer += got
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def close(self):
        """End the process."""
        os.close(self.down)
        os.close(self.up)
        self.process.terminate()
        self.process.wait(PATIENCE)


class Page:
    """A page that has been loaded, what it asked the network for, and what went wrong in it."""

    def __init__(self, browser, path, width=1000, height=800, dark=False):
        self.browser = browser
        self.target = browser.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.send(
            "Target.attachToTarget", targetId=self.target, flatten=True
        )["sessionId"]  # fmt: skip
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.send("Page.navigate", url=Path(path).as_uri())
        browser.wait("Page.loadEventFired", self.session)

    def send(self, method, **params):
        """Call a method of the protocol on this page."""
        return self.browser.send(method, self.session, **params)

    def __call__(self, expression):
        """The value of an expression in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def mouse(self, kind, x, y, **more):
        """An event of the mouse: "mousePressed", "mouseMoved", "mouseReleased", "mouseWheel"."""
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y):
        """Press and release."""
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def drag(self, begin, end):
        """Press, move, release."""
        self.mouse("mousePressed", *begin, button="left", clickCount=1)
        middle = [(a + b) / 2 for a, b in zip(begin, end, strict=True)]
        for point in (middle, end):
            self.mouse("mouseMoved", *point, button="left", buttons=1)
        self.mouse("mouseReleased", *end, button="left", clickCount=1)

    def key(self, name, text=None):
        """Press and release a key."""
        more = {"text": text} if text else {}
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=name, **more)
            more = {}

    def wrong(self):
        """Errors and complaints of the page until now."""
        self("1")  # whatever was said before has come when this is answered
        found = []
        for event in self.browser.events:
            if event.get("sessionId") != self.session:
                continue
            method, params = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"])
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                found.append(params["args"])
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
        return found

    def requests(self):
        """Addresses that were asked for."""
        self("1")
        return [
            event["params"]["request"]["url"]
            for event in self.browser.events
            if event.get("sessionId") == self.session
            and event["method"] == "Network.requestWillBeSent"
        ]

    def picture(self, path):
        """Write what is seen as PNG."""
        data = self.send("Page.captureScreenshot", format="png")["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        """Close the page."""
        self.browser.send("Target.closeTarget", targetId=self.target)
