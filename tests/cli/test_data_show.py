"""`mlfpga data NAME --show FILE`."""

import matplotlib
import pytest

from mlfpga import cli

matplotlib.use("Agg")


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")])
def test_the_picture_is_of_the_kind_its_name_says(tmp_path, capsys, name, start):
    assert cli.main(["data", "recommender-generated", "--show", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_bytes().startswith(start)
    told = capsys.readouterr().out
    assert "a sequence of 30 item numbers" in told and told.endswith(f"drawn into {tmp_path / name}\n")


@pytest.mark.parametrize("name", ["picture", "picture.doc"])
def test_an_unknown_kind_of_picture_is_refused(tmp_path, capsys, name):
    assert cli.main(["data", "recommender-generated", "--show", str(tmp_path / name)]) == 2
    assert f"{name} does not say what kind of picture it is; end it in .png" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
