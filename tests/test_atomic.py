"""Replacing files: whatever goes wrong, the old file stays whole, no other stays behind, an OSError says so.

Full disks are met in two ways: a write that fails as on a full disk, and /dev/full where there is one.
"""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fastw2v import atomic
from fastw2v.atomic import atomic_write

OLD = b"the old file"


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.bin"
    path.write_bytes(OLD)
    return path


def only(folder: Path, *names: str) -> bool:
    return sorted(os.listdir(folder)) == sorted(names)


def test_a_finished_block_replaces_the_file_and_leaves_nothing_else(old_file: Path) -> None:
    with atomic_write(old_file) as file:
        file.write(b"new")
        file.flush()
        assert old_file.read_bytes() == OLD
    assert old_file.read_bytes() == b"new"
    assert only(old_file.parent, old_file.name)


@pytest.mark.parametrize("problem", [RuntimeError("no"), KeyboardInterrupt(), ValueError("bad word")])
def test_an_exception_keeps_the_old_file_and_comes_through_unchanged(
    old_file: Path, problem: BaseException
) -> None:
    def write_half() -> None:
        with atomic_write(old_file) as file:
            file.write(b"half of the new")
            raise problem

    with pytest.raises(type(problem)) as caught:
        write_half()
    assert caught.value is problem
    assert old_file.read_bytes() == OLD
    assert only(old_file.parent, old_file.name)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fills_up_keeps_the_old_file_and_names_it(
    old_file: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "some temporary name")

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[step], fail)
    with pytest.raises(OSError, match="nothing was replaced") as caught, atomic_write(old_file) as file:
        file.write(b"half of the new")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(old_file)
    assert old_file.read_bytes() == OLD
    assert only(old_file.parent, old_file.name)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_the_device_that_is_always_full_gives_an_os_error(tmp_path: Path) -> None:
    device = Path("/dev/full")
    if os.access("/dev", os.W_OK):  # root, whose mistakes here would replace the device of the whole machine
        device = tmp_path / "full"
        try:
            os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
            device.open("wb").close()
        except PermissionError:
            pytest.skip("this file system has no devices")
    with pytest.raises(OSError, match="full") as caught, atomic_write(device) as file:
        file.write(b"x" * 100_000)
    assert caught.value.errno == errno.ENOSPC
    assert stat.S_ISCHR(device.stat().st_mode), "the device must not have been replaced by a file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    with atomic_write(pipe) as file:
        file.write(b"through the pipe")
    reader.join(timeout=30)
    assert received == [b"through the pipe"]
    assert pipe.is_fifo()
    assert only(tmp_path, "pipe")


def test_data_that_no_longer_fit_on_the_disk_keep_the_old_file(
    old_file: Path, run_python: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    # The limit on the size of a file makes write() fail as a full disk does, in the middle of the data.
    pytest.importorskip("resource")
    code = f"""
import resource, signal
from fastw2v.atomic import atomic_write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with atomic_write({str(old_file)!r}) as file:
        for _ in range(100):
            file.write(b"x" * 10_000)
except OSError as error:
    print("OSError", error.filename)
"""
    result = run_python(code)
    assert result.stdout.split() == ["OSError", str(old_file)], result.stderr
    assert old_file.read_bytes() == OLD
    assert only(old_file.parent, old_file.name)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_read_only_folder_or_file_is_refused_and_the_old_file_intact(
    run_python: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    # In a child process, because root may write everywhere: there root becomes nobody first.
    result = run_python("""
import os, tempfile
from pathlib import Path
from fastw2v.atomic import atomic_write

folder = Path(tempfile.mkdtemp())
path = folder / "vectors.bin"
with atomic_write(path) as file:
    file.write(b"old")
if os.geteuid() == 0:
    os.chown(path, 65534, -1)
    os.chown(folder, 65534, -1)
    try:
        os.setuid(65534)
    except PermissionError:
        print("cannot drop privileges")
        raise SystemExit
for target in (path, folder):
    mode = target.stat().st_mode
    target.chmod(0o555)
    try:
        with atomic_write(path) as file:
            file.write(b"new")
    except PermissionError as error:
        print("refused", Path(error.filename).name, "nothing was replaced" in str(error))
    target.chmod(mode)
print(path.read_bytes(), os.listdir(folder))
path.unlink()
""")
    if "cannot drop privileges" in result.stdout:
        pytest.skip("root, and cannot drop privileges")
    assert result.stdout.splitlines() == [
        "refused vectors.bin True",
        "refused vectors.bin True",
        "b'old' ['vectors.bin']",
    ], result.stderr


def test_a_folder_that_refuses_new_files_is_an_error_for_every_user(
    old_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(atomic, "_EarlyFile", refuse)
    with pytest.raises(PermissionError, match=old_file.name), atomic_write(old_file):
        pytest.fail("the block must not run")
    monkeypatch.undo()
    assert old_file.read_bytes() == OLD


def test_a_missing_folder_and_a_folder_as_target_are_os_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"), atomic_write(tmp_path / "nowhere" / "file"):
        pytest.fail("the block must not run")
    with pytest.raises(IsADirectoryError, match=tmp_path.name), atomic_write(tmp_path):
        pytest.fail("the block must not run")
    assert only(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and links")
def test_permissions_are_kept_and_a_link_stays_a_link(old_file: Path) -> None:
    old_file.chmod(0o640)
    link = old_file.with_name("link")
    link.symlink_to(old_file.name)
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert old_file.read_bytes() == b"new"
    assert stat.S_IMODE(old_file.stat().st_mode) == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_new_file_has_the_permissions_that_the_user_wants_for_new_files(tmp_path: Path) -> None:
    old_mask = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "new") as file:
            file.write(b"new")
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
