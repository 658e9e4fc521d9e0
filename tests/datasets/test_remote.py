"""Finding, checking and caching published files; a small HTTP server stands for the mirrors."""

import gzip
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlfpga.datasets import DatasetError
from mlfpga.datasets.remote import RemoteFile, content

CONTENT = bytes(range(256)) * 40
PACKED = gzip.compress(CONTENT)
NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture(autouse=True)
def folders(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFPGA_DATA", raising=False)
    monkeypatch.setenv("MLFPGA_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def server():
    """Serves `server.answers[path]`, (bytes, announced length); counts what is asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            body, length = server.answers.get(self.path, (None, 0))
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.asked = {}, []
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def remote(*mirrors: str, **more) -> RemoteFile:
    return RemoteFile("set", "part", hashlib.sha256(CONTENT).hexdigest(), mirrors or (NOWHERE,), **more)


def offer(server, mirror: str, body: bytes, length: int | None = None) -> str:
    server.answers[f"/{mirror}/part.gz"] = (body, len(body) if length is None else length)
    return f"{server.address}/{mirror}/"


@pytest.mark.parametrize("place", ["set/part.gz", "part.gz", "set/part", "part"])
def test_the_users_folder_is_looked_at_first(folders, monkeypatch, server, place):
    path = folders / "own" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(PACKED if place.endswith(".gz") else CONTENT)
    monkeypatch.setenv("MLFPGA_DATA", str(folders / "own"))
    assert content(remote(offer(server, "a", PACKED))) == CONTENT
    assert server.asked == [] and not (folders / "cache").exists()


def test_a_download_is_cached_and_asked_for_once(folders, server):
    file = remote(offer(server, "a", PACKED))
    assert content(file) == content(file) == CONTENT
    assert server.asked == ["/a/part.gz"]
    assert [path.name for path in (folders / "cache/datasets/set").iterdir()] == ["part.gz"]


def test_the_next_mirror_helps_when_one_is_down_altered_or_cut_short(server):
    mirrors = (
        NOWHERE,
        f"{server.address}/missing/",
        offer(server, "altered", gzip.compress(b"other")),
        offer(server, "cut", PACKED[:-20], len(PACKED)),
        offer(server, "good", PACKED),
    )
    assert content(remote(*mirrors)) == CONTENT


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (PACKED[:-20], "truncated or damaged"),
        (PACKED[:30] + b"????" + PACKED[34:], "truncated or damaged"),
        (gzip.compress(CONTENT[:-1]), "is not the published file"),
        (b"<html>sign in first</html>", "is not the published file"),
    ],
)
def test_a_bad_download_is_refused_and_leaves_nothing(folders, server, body, why):
    with pytest.raises(DatasetError) as error:
        content(remote(offer(server, "a", body)))
    assert why in str(error.value) and "set MLFPGA_DATA to it" in str(error.value)
    assert not list(folders.rglob("part*"))


def test_no_network_names_every_mirror_and_the_way_out():
    with pytest.raises(DatasetError) as error:
        content(remote(NOWHERE, NOWHERE + "b/"))
    text = str(error.value)
    assert text.startswith("set: part.gz could not be downloaded. Without a network, put set's files into a folder")
    assert text.count(NOWHERE) == 2


@pytest.mark.parametrize(
    ("body", "why"), [(PACKED[:-20], "truncated"), (gzip.compress(b"x"), "not the published file")]
)
def test_a_bad_file_of_the_user_is_named_not_replaced(folders, monkeypatch, server, body, why):
    path = folders / "part.gz"
    path.write_bytes(body)
    monkeypatch.setenv("MLFPGA_DATA", str(folders))
    with pytest.raises(DatasetError) as error:
        content(remote(offer(server, "a", PACKED)))
    assert str(path) in str(error.value) and why in str(error.value)
    assert "replace it, or point MLFPGA_DATA to another folder" in str(error.value)
    assert path.read_bytes() == body and server.asked == []


def test_a_file_that_went_bad_in_the_cache_is_fetched_again(folders, server):
    cached = folders / "cache/datasets/set/part.gz"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(PACKED[:100])
    assert content(remote(offer(server, "a", PACKED))) == CONTENT
    assert cached.read_bytes() == PACKED


def test_a_users_folder_that_does_not_exist_is_named(folders, monkeypatch):
    monkeypatch.setenv("MLFPGA_DATA", str(folders / "nowhere"))
    with pytest.raises(DatasetError, match="nowhere, which is not a folder; correct it or unset it"):
        content(remote())


def test_a_users_folder_that_lacks_the_file_is_named_as_the_place_for_it(folders, monkeypatch):
    monkeypatch.setenv("MLFPGA_DATA", str(folders))
    with pytest.raises(DatasetError) as error:
        content(remote())
    assert str(error.value).startswith(
        f"set: part.gz could not be downloaded. Without a network, put set's files into {folders}. Tried:\n  {NOWHERE}"
    )


def test_a_plain_file_is_asked_for_and_cached_under_its_own_name(folders, server):
    server.answers["/a/part"] = (CONTENT, len(CONTENT))
    file = remote(f"{server.address}/a/", compressed=False)
    assert content(file) == content(file) == CONTENT
    assert server.asked == ["/a/part"]
    assert (folders / "cache/datasets/set/part").read_bytes() == CONTENT


@pytest.mark.parametrize("place", ["set/part", "other/part", "other/part.gz"])
def test_the_users_folder_may_have_another_name(folders, monkeypatch, place):
    path = folders / "own" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(PACKED if place.endswith(".gz") else CONTENT)
    monkeypatch.setenv("MLFPGA_DATA", str(folders / "own"))
    assert content(remote(compressed=False, folders=("other",))) == CONTENT


def test_a_file_with_a_common_name_is_looked_for_in_its_own_folder_only(folders, monkeypatch, server):
    (folders / "part").write_bytes(b"of another dataset")
    monkeypatch.setenv("MLFPGA_DATA", str(folders))
    mirror = offer(server, "a", PACKED)
    assert content(remote(mirror, common_name=True)) == CONTENT
    with pytest.raises(DatasetError, match="is not the published file"):
        content(remote(mirror))
