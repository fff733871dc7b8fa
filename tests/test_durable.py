"""Modes of record files and folders, under several umasks."""

from __future__ import annotations

import os
import stat

import pytest

from entmin.durable import alone, append_row, make_folder, private_files, write_whole


@pytest.fixture(params=[0o022, 0o002, 0o000, 0o077, 0o177], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_new_is_its_users_alone_and_a_stricter_umask_stays(tmp_path, umask):
    if umask == 0o177:  # which makes folders nobody enters
        folder = tmp_path
    else:
        folder = tmp_path / "a" / "b"
        make_folder(folder)
        assert mode(folder) == mode(folder.parent) == 0o700 & ~umask
    write_whole(folder / "whole.json", "{}")
    append_row(folder / "rows.jsonl", {})
    with alone(folder), private_files():
        (folder / "theirs").write_text("")
    for name in ("whole.json", "rows.jsonl", "theirs", ".lock"):
        assert mode(folder / name) == 0o600 & ~umask, name
    assert os.umask(umask) == umask, "the umask is the user's again"


def test_a_mode_that_the_user_gave_is_kept(tmp_path):
    for write in (lambda path: write_whole(path, "new\n"), lambda path: append_row(path, {"a": 1})):
        path = tmp_path / "shared"
        path.write_text("old\n")
        path.chmod(0o640)
        write(path)
        assert mode(path) == 0o640
        assert path.read_text() != "old\n"
    tmp_path.chmod(0o750)
    make_folder(tmp_path)
    assert mode(tmp_path) == 0o750


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        make_folder(tmp_path / "file")
    with pytest.raises(OSError):
        make_folder(tmp_path / "file" / "inner")
