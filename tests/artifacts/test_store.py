"""Files and folders appear whole or not at all, and keys stand for content."""

import errno
import os
import shutil

import pytest

from mlfpga.artifacts import (
    ArtifactError,
    build_root,
    cache_root,
    content_key,
    course_root,
    sha256,
    writing,
    writing_folder,
)


def test_a_file_appears_only_when_its_block_ends_well(tmp_path):
    target = tmp_path / "deep" / "result.txt"
    with writing(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"


def test_an_interrupted_file_leaves_the_old_one_and_no_rubble(tmp_path):
    target = tmp_path / "result.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), writing(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "stage"
    for content in ("first", "second"):
        with writing_folder(target) as temporary:
            (temporary / content).touch()
        assert os.listdir(target) == [content]
    assert os.listdir(tmp_path) == ["stage"]


def test_an_interrupted_folder_leaves_the_old_one_and_no_rubble(tmp_path):
    target = tmp_path / "stage"
    with writing_folder(target) as temporary:
        (temporary / "old").touch()
    with pytest.raises(RuntimeError), writing_folder(target) as temporary:
        (temporary / "half").touch()
        raise RuntimeError
    assert os.listdir(target) == ["old"]
    assert os.listdir(tmp_path) == ["stage"]


@pytest.mark.parametrize("writer", [writing, writing_folder])
def test_a_full_disk_is_said_plainly(tmp_path, writer):
    target = tmp_path / "big"
    with pytest.raises(ArtifactError) as caught, writer(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(caught.value) == (
        f"the disk is full: {target} was not written, and nothing half-written was left; free some space "
        "(`make clean` removes what the course built) and run again"
    )
    assert os.listdir(tmp_path) == []


FULL = "No space left on device"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        shutil.Error([("from/a", "to/a", f"[Errno 28] {FULL}: 'to/a'"), ("from/b", "to/b", f"[Errno 28] {FULL}")]),
        OSError("100000 requested and 12784 written"),
    ],
    ids=["quota", "copytree", "numpy.save"],
)
def test_a_full_disk_is_recognised_however_it_is_told(tmp_path, error):
    with pytest.raises(ArtifactError, match="^the disk is full: "), writing_folder(tmp_path / "big"):
        raise error


@pytest.mark.parametrize("writer", [writing, writing_folder])
def test_a_disk_that_is_full_from_the_start_is_said_plainly_too(tmp_path, writer, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, FULL)

    monkeypatch.setattr("tempfile.mkstemp", full)
    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(ArtifactError, match="^the disk is full: "), writer(tmp_path / "big"):
        pass


@pytest.mark.parametrize("writer", [writing, writing_folder])
def test_a_place_that_cannot_be_written_is_named(tmp_path, writer):
    (tmp_path / "file").touch()
    target = tmp_path / "file" / "result"
    with pytest.raises(ArtifactError) as caught, writer(target):
        pass
    assert str(caught.value) == f"{target} cannot be written: {tmp_path / 'file'} is a file; choose another place"


def test_a_file_does_not_take_a_folder_s_place(tmp_path):
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(ArtifactError) as caught, writing(target) as temporary:
        temporary.write_text("whole")
    assert str(caught.value) == f"{target} cannot be written: Is a directory; choose another place"
    assert os.listdir(tmp_path) == ["folder"]


def test_other_errors_of_the_system_pass_unchanged(tmp_path):
    with pytest.raises(PermissionError), writing(tmp_path / "x"):
        raise PermissionError(errno.EACCES, "denied")


def test_new_files_have_ordinary_permissions(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    with writing(tmp_path / "written") as temporary:
        temporary.touch()
    assert (tmp_path / "written").stat().st_mode == plain.stat().st_mode


def test_sha256_is_that_of_the_standard(tmp_path):
    # FIPS 180-2, appendix B.1
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_key_changes_with_every_byte_and_every_name_below_a_folder(tmp_path):
    folder = tmp_path / "src"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_text("1")
    keys = {content_key(folder)}
    (folder / "sub" / "a").write_text("2")
    keys.add(content_key(folder))
    (folder / "sub" / "a").rename(folder / "sub" / "b")
    keys.add(content_key(folder))
    assert len(keys) == 3


def test_a_key_does_not_depend_on_where_a_folder_is(tmp_path):
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a").write_text("1")
    assert content_key(tmp_path / "here") == content_key(tmp_path / "there")


def test_parts_of_a_key_do_not_run_into_each_other():
    assert content_key("ab", "c") != content_key("a", "bc") != content_key("abc")


def test_folders_can_be_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFPGA_BUILD", str(tmp_path / "b"))
    assert build_root() == tmp_path / "b"
    monkeypatch.delenv("MLFPGA_CACHE", raising=False)
    assert cache_root() == tmp_path / "b" / "cache"
    monkeypatch.setenv("MLFPGA_CACHE", str(tmp_path / "c"))
    assert cache_root() == tmp_path / "c"


def test_a_relative_folder_is_seen_from_the_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFPGA_BUILD", "somewhere/else")
    assert build_root() == course_root() / "somewhere" / "else"
    monkeypatch.setenv("MLFPGA_BUILD", "")
    assert build_root() == course_root() / "build"


def test_a_folder_that_is_no_checkout_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFPGA_ROOT", str(tmp_path))
    with pytest.raises(ArtifactError) as caught:
        course_root()
    assert str(caught.value) == (
        f"{tmp_path} is not a checkout of the course (it has no deploy_templates/); "
        "set MLFPGA_ROOT to the folder that `git clone` made"
    )
