"""RemoteMonitor: figures sent to a server after every epoch."""

import http.client
import json
import math
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

import numpy as np

from cornu.callbacks.base import Callback
from cornu.errors import UsageError, shown, warn

SECONDS = 10
"""How long an epoch may wait for the server."""


class _Here(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: headers may hold a password, which is for this server alone."""

    def redirect_request(self, *said: Any) -> None:
        return None


class RemoteMonitor(Callback):
    """Posts the figures of every epoch to a server.

    Where that fails, a warning says so once, and training goes on. Figures that are infinite or no
    numbers are sent as null, for JSON has no word for them.

    Args:
        root: the server, "http://…" or "https://…".
        path: added to `root`.
        field: the form field that holds the figures as JSON.
        headers: of the request, a dict.
        send_as_json: send JSON instead of a form.

    Raises:
        UsageError: for a `root` of another kind.
    """

    leaves_traces = True

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ):
        if not str(root).lower().startswith(("http://", "https://")):
            raise UsageError(
                "E-URL",
                f'RemoteMonitor: root must begin with "http://" or "https://"; got {shown(root)}.',
            )
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json
        self._warned = False

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Send the figures."""
        figures = {"epoch": epoch, **{name: _plain(v) for name, v in (logs or {}).items()}}
        text = json.dumps(figures, allow_nan=False)
        if self.send_as_json:
            body, kind = text.encode(), "application/json"
        else:
            body = urllib.parse.urlencode({self.field: text}).encode()
            kind = "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **(self.headers or {})}
        request = urllib.request.Request(self.root + self.path, body, headers)
        try:
            opener = urllib.request.build_opener(_Here)
            with opener.open(request, timeout=SECONDS):
                pass
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            why = getattr(error, "reason", None) or error
            warn(
                f"RemoteMonitor cannot reach {self.root}{self.path}: {why}. Training goes on; "
                "this is said once."
            )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (str, bool, type(None))):
        return value
    if np.ndim(value):
        return [_plain(one) for one in np.asarray(value).tolist()]
    found = np.asarray(value).item()
    return None if isinstance(found, float) and not math.isfinite(found) else found
