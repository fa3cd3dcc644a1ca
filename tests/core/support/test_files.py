"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tvae_core.support.errors import OutputError
from tvae_core.support.files import check_parent, sha256_file, whole_file, whole_folder
from tvae_core.support.files import write_whole as write

OLD = "the old one"


def listing(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_sha256(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"abc" * 100_000)
    assert sha256_file(file) == hashlib.sha256(b"abc" * 100_000).hexdigest()


@pytest.mark.parametrize("content", ["text\n", b"\x00\xff"])
def test_files_are_written_whole(content: str | bytes, tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "x.bin"
    for _ in range(2):
        write(target, content)
        data = content.encode() if isinstance(content, str) else content
        assert target.read_bytes() == data
        assert listing(target.parent) == ["x.bin"]
        assert target.stat().st_mode & 0o777 == 0o644


def test_a_text_file_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "new" / "x.txt"
    with whole_file(target) as file:
        file.write("a\n")
        assert not target.exists()
    assert target.read_bytes() == b"a\n"
    assert listing(target.parent) == ["x.txt"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, ValueError])
def test_a_failure_leaves_the_old_file(failure: type[BaseException], tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    target.write_text(OLD)

    def fail() -> None:
        with whole_file(target) as file:
            file.write("half of the new o")
            raise failure("stop")

    with pytest.raises(failure, match="stop"):
        fail()
    assert target.read_text() == OLD
    assert listing(tmp_path) == ["x.txt"]


def test_a_folder_appears_at_the_end_and_replaces_the_old(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder"
    for text in ("first", "second"):
        with whole_folder(target) as fresh:
            (fresh / text).write_text(text)
            assert text not in listing(tmp_path / "new")
        assert listing(tmp_path / "new") == ["folder", f"folder/{text}"]
    assert target.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_failure_leaves_the_old_folder(failure: type[BaseException], tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "x").write_text(OLD)

    def fail() -> None:
        with whole_folder(target) as fresh:
            (fresh / "x").write_text("half of the new o")
            raise failure("stop")

    with pytest.raises(failure, match="stop"):
        fail()
    assert (target / "x").read_text() == OLD
    assert listing(tmp_path) == ["folder", "folder/x"]


def test_a_failed_replacement_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "x").write_text(OLD)
    rename = Path.rename

    def refuse(self: Path, other: Path) -> Path:
        if ".new-" in self.name:
            raise OSError(28, "No space left on device")
        return rename(self, other)

    def replace() -> None:
        with whole_folder(target) as fresh:
            (fresh / "x").write_text("new")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(OutputError, match="No space"):
            replace()
    assert (target / "x").read_text() == OLD
    assert listing(tmp_path) == ["folder", "folder/x"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    with whole_folder(link) as fresh:
        (fresh / "x").write_text("new")
    assert link.is_symlink()
    assert (real / "x").read_text() == "new"


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_text(OLD)

    def replace() -> None:
        with whole_folder(target):
            pass

    with pytest.raises(OutputError, match="x"):
        replace()
    assert target.read_text() == OLD
    assert listing(tmp_path) == ["x"]


def use_file(target: Path) -> None:
    with whole_file(target) as file:
        file.write("x")


def use_folder(target: Path) -> None:
    with whole_folder(target) as fresh:
        (fresh / "x").write_text("x")


@pytest.mark.parametrize("use", [check_parent, lambda p: write(p, "x"), use_file, use_folder])
def test_a_file_in_the_way_is_named(use: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "file").write_text(OLD)
    target = tmp_path / "file" / "deep" / "x"
    with pytest.raises(OutputError, match=rf"cannot write {target}: {tmp_path}/file is not a") as e:
        use(target)
    assert "\n" not in str(e.value)
    assert listing(tmp_path) == ["file"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux's /proc")
@pytest.mark.parametrize("use", [lambda p: write(p, "x"), use_file, use_folder])
def test_a_place_that_takes_no_files_is_named(use: Callable[[Path], None]) -> None:
    """Even root cannot make a file in /proc, so this holds whoever runs the tests."""
    with pytest.raises(OutputError, match="cannot write /proc/x"):
        use(Path("/proc/x"))


@pytest.mark.parametrize("use", [lambda p: write(p, "x"), use_file])
def test_a_folder_is_not_replaced_by_a_file(use: Callable[[Path], None], tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*folder"):
        use(target)
    assert listing(tmp_path) == ["folder"]


def test_a_relative_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_parent(Path("x"))
    write(Path("x"), "1")
    use_file(Path("y"))
    use_folder(Path("z"))
    assert listing(tmp_path) == ["x", "y", "z", "z/x"]
