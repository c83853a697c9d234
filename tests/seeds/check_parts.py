"""Checks of what stands around models: pictures, downloads."""

import functools
import os
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keras
import numpy as np

from seeds.checks import check, folder


@check("000-099")
def turned_pictures():
    x = np.arange(2 * 4 * 4, dtype="float32").reshape(2, 4, 4, 1)
    generator = keras.preprocessing.image.ImageDataGenerator
    flips = {
        "horizontal_flip": lambda picture: picture[:, ::-1],
        "vertical_flip": lambda picture: picture[::-1],
    }
    for argument, flip in flips.items():
        seen = set()
        for _ in range(16):
            found = next(generator(**{argument: True}).flow(x, batch_size=2, shuffle=False))
            for picture, given in zip(found, x, strict=True):
                assert np.array_equal(picture, given) or np.array_equal(picture, flip(given))
                seen.add(np.array_equal(picture, given))
        assert seen == {True, False}
    turned = next(generator(rotation_range=90).flow(x, batch_size=2, shuffle=False))
    assert turned.shape == x.shape and not np.array_equal(turned, x)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@check("001-014")
def where_downloads_go():
    with folder() as path:
        Path(path, "data.txt").write_text("here")
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=path))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = keras.utils.get_file(
            "data.txt", f"http://127.0.0.1:{server.server_address[1]}/data.txt"
        )
        server.shutdown()
        home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
        assert Path(found) == Path(home, "datasets", "data.txt")
        assert Path(found).read_text() == "here"
