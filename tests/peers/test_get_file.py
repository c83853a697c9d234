"""`get_file` beside that of Keras 3: its arguments, and where files and folders are put."""

import functools
import inspect
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cornu.utils import get_file

pytestmark = pytest.mark.peers


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with zipfile.ZipFile(folder / "data.zip", "w") as archive:
        archive.writestr("a/b.txt", "text")
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    ) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/data.zip"
        server.shutdown()


def files(folder: Path) -> dict[str, bytes]:
    found = [each for each in folder.rglob("*") if each.is_file()]
    named = {each.relative_to(folder).as_posix(): each.read_bytes() for each in found}
    return {name: data for name, data in named.items() if not name.endswith(".unpacked")}


def test_arguments(keras):
    ours, theirs = inspect.signature(get_file), inspect.signature(keras.utils.get_file)
    assert list(ours.parameters) == list(theirs.parameters)
    for name, parameter in theirs.parameters.items():
        assert ours.parameters[name].default == parameter.default


@pytest.mark.parametrize("name", ["flowers", "flowers.tar.gz", None, "a.b"])
@pytest.mark.parametrize("given", [{}, {"extract": True}, {"cache_subdir": "x/y"}])
def test_places(keras, address, tmp_path, name, given):
    found = {}
    for get in (get_file, keras.utils.get_file):
        folder = tmp_path / get.__module__
        folder.mkdir()
        path = get(name, address, cache_dir=str(folder), **given)
        found[get] = Path(path).relative_to(folder), files(folder)
    assert found[get_file] == found[keras.utils.get_file]
