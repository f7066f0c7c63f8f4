"""The places where DVC keeps objects, each named by the MD5 of its bytes: the cache, and a remote of any kind."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cmrpipe.errors import CmrpipeError
from cmrpipe.files import atomic
from cmrpipe.store.verify import Digest, digest_file
from flows.integrity.records import DIR, RecordError

_NAME = re.compile(r"[0-9a-f]{30}(\.dir)?")
_OID = re.compile(r"[0-9a-f]{32}(\.dir)?")
_BLOCK = 1 << 20


class RemoteError(CmrpipeError, OSError):
    """A remote that cannot be read or written."""


def md5_of(oid: str) -> str:
    """The MD5 that an object's bytes must have."""
    return oid.removesuffix(DIR)


@contextmanager
def replacing(path: Path, mode: int) -> Iterator[Path]:
    """Like `files.atomic`, with a file mode."""
    if path.is_dir() and not path.is_symlink():  # what it holds is nobody's, and may be somebody's work
        path.rename(path.with_name(f"{path.name}.folder-{time.time_ns()}"))
    with atomic(path) as temporary:
        yield temporary
        temporary.chmod(mode | 0o200)
    path.chmod(mode)


class Cache:
    """DVC's cache on this machine; reads and writes go past DVC, which trusts what it once wrote."""

    MODE = 0o444

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, oid: str) -> Path:
        """Where an object lies."""
        return self.folder / oid[:2] / oid[2:]

    def all(self) -> list[str]:
        """Names of all objects; files that are none are left alone."""
        found = []
        for part in sorted(os.listdir(self.folder)) if self.folder.is_dir() else []:
            if len(part) == 2 and (self.folder / part).is_dir():
                with suppress(PermissionError):  # what is needed of it is told object by object
                    found += [part + name for name in sorted(os.listdir(self.folder / part)) if _NAME.fullmatch(name)]
        return found

    def digest(self, oid: str, *, sha256: bool = False) -> Digest | None:
        """Hashes of an object's bytes as they are; None when it is not there or cannot be read."""
        try:
            return digest_file(self.path(oid), md5=True, sha256=sha256)
        except OSError:
            return None

    def holds(self, oid: str) -> bool:
        """Whether the object is there with the right bytes."""
        found = self.digest(oid)
        return found is not None and found.md5 == md5_of(oid)

    def read(self, oid: str) -> bytes | None:
        """An object's bytes; None when it is not there."""
        path = self.path(oid)
        return path.read_bytes() if path.is_file() else None

    def remove(self, oid: str) -> None:
        """Remove an object."""
        self.path(oid).unlink(missing_ok=True)

    def add(self, oid: str, source: Path) -> bool:
        """Put an object in place from a file; False, and nothing changed, when the file does not hold its bytes."""
        return copy_proven(source, self.path(oid), md5_of(oid), self.MODE)

    def add_bytes(self, oid: str, data: bytes) -> None:
        """Put a small object in place."""
        with replacing(self.path(oid), self.MODE) as temporary:
            temporary.write_bytes(data)


def copy_proven(source: Path, target: Path, md5: str, mode: int = 0o644) -> bool:
    """Copy a file into place, atomically, if what was written has this MD5; whether it did."""
    with suppress(_Unproven), replacing(target, mode) as temporary:
        with source.open("rb", buffering=0) as read, temporary.open("wb") as write:
            while block := read.read(_BLOCK):
                write.write(block)
        if digest_file(temporary, md5=True, sha256=False).md5 != md5:
            raise _Unproven
        return True
    return False


class _Unproven(Exception):  # noqa: N818 a signal inside this module
    """What was copied has another hash."""


class _UnreadableError(Exception):
    """The remote answers, and does not give out this object's bytes."""


class Remote:
    """Objects of a DVC remote: a folder, a machine reached by SSH, an S3-compatible service, whatever DVC knows.

    Bytes are read and hashed here: an etag or a listing proves nothing about them.
    """

    def __init__(self, name: str, odb: Any) -> None:
        self.name = name
        self._odb = odb
        if odb.fs.protocol == "s3":
            # botocore ends the reading of an object whose checksum is wrong with an error; we want to see its bytes
            odb.fs.fs_args.setdefault("config_kwargs", {})["response_checksum_validation"] = "when_required"

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, CmrpipeError, _UnreadableError):
            raise
        except Exception as error:  # each kind of remote has errors of its own
            mend = "Check its address and your access with `dvc remote list` and `dvc status --cloud`"
            raise RemoteError(f"remote {self.name}", f"could not {what} ({error})", mend) from error

    def _blocks(self, oid: str) -> Iterator[bytes]:
        """An object's bytes, piece by piece.

        Raises
        ------
        FileNotFoundError : it is not there
        _UnreadableError : it is, and reading it fails
        RemoteError : the remote does not answer
        """
        path = self._odb.oid_to_path(oid)
        with self._guarded("be read"):
            try:
                with self._odb.fs.open(path, "rb") as stream:
                    while block := stream.read(_BLOCK):
                        yield block
            except FileNotFoundError:
                raise
            except Exception as error:
                self._odb.fs.info(path)  # a remote that is not there fails here too
                raise _UnreadableError(oid) from error

    def digest(self, oid: str) -> Digest | None:
        """Hash of an object's bytes as they are, "" when they cannot be read; None when it is not there."""
        md5, size = hashlib.md5(usedforsecurity=False), 0
        try:
            for block in self._blocks(oid):
                md5.update(block)
                size += len(block)
        except FileNotFoundError:
            return None
        except _UnreadableError:
            return Digest("", "", 0)
        return Digest(md5.hexdigest(), "", size)

    def read(self, oid: str) -> bytes | None:
        """A small object's bytes, none when they cannot be read; None when it is not there."""
        try:
            return b"".join(self._blocks(oid))
        except FileNotFoundError:
            return None
        except _UnreadableError:
            return b""

    def fetch(self, oid: str, cache: Cache) -> bool:
        """Bring an object into the cache if it is there with the right bytes; whether it was."""
        with suppress(FileNotFoundError, _UnreadableError, _Unproven):
            with replacing(cache.path(oid), cache.MODE) as temporary:
                with temporary.open("wb") as write:
                    for block in self._blocks(oid):
                        write.write(block)
                if digest_file(temporary, md5=True, sha256=False).md5 != md5_of(oid):
                    raise _Unproven
            return True
        return False

    def all(self) -> list[str]:
        """Names of all objects; files that are none are left alone."""
        with self._guarded("be listed"):
            try:
                paths = self._odb.fs.find(self._odb.path)
            except FileNotFoundError:
                return []
        names = ("".join(str(path).rsplit("/", 2)[-2:]) for path in paths)
        return sorted(name for name in names if _OID.fullmatch(name))

    def remove(self, oid: str) -> None:
        """Remove an object."""
        with self._guarded("be written"), suppress(FileNotFoundError):
            self._odb.fs.remove(self._odb.oid_to_path(oid))

    def replace(self, oid: str, cache: Cache) -> bool:
        """Upload an object from the cache over what is there (`dvc push` skips what exists); proves it by reading."""
        from dvc_objects.fs.local import localfs  # noqa: PLC0415 DVC takes a second to import

        self.remove(oid)
        with self._guarded("be written"):
            self._odb.add(str(cache.path(oid)), localfs, oid, check_exists=False)
        found = self.digest(oid)
        return found is not None and found.md5 == md5_of(oid)


class Objects:
    """The cache of a workspace and its remotes, found through DVC's own configuration."""

    def __init__(self, root: Path) -> None:
        from dvc.config import ConfigError  # noqa: PLC0415 DVC takes a second to import
        from dvc.exceptions import DvcException  # noqa: PLC0415
        from dvc.repo import Repo  # noqa: PLC0415

        try:
            self._repo = Repo(str(root))
            self.cache = Cache(Path(self._repo.cache.local.path))
            self.default: str | None = self._repo.config["core"].get("remote")
        except (ConfigError, DvcException) as error:
            mend = "When you did not change it: `git checkout .dvc/config`"
            raise RecordError(root / ".dvc" / "config", f"is refused by DVC ({error})", mend) from error
        self._errors = (ConfigError, DvcException)

    def remote(self, name: str = "") -> Remote:
        """A remote by name, the default one for "".

        Raises
        ------
        RemoteError : there is no such remote, or DVC cannot use it
        """
        try:
            return Remote(name or self.default or "", self._repo.cloud.get_remote_odb(name or None, "verify"))
        except (*self._errors, ImportError) as error:
            raise RemoteError(f"remote {name or '(default)'}", str(error), "See `dvc remote list`") from error

    def standing(self, folder: Path) -> tuple[str, dict[str, str]]:
        """The list that DVC would make of a folder as it stands: its name, and MD5 by relative path.

        What DVC has seen, and is of the same size and time, is not read again.

        Raises
        ------
        OSError : some of it cannot be read
        """
        from dvc_data.hashfile.build import build  # noqa: PLC0415
        from dvc_data.hashfile.tree import Tree  # noqa: PLC0415
        from dvc_objects.fs.local import localfs  # noqa: PLC0415

        place, ignore = str(Path(self._repo.root_dir) / folder), self._repo.dvcignore
        _, _, tree = build(self._repo.cache.local, place, localfs, "md5", ignore=ignore, dry_run=True)
        if not isinstance(tree, Tree):
            raise NotADirectoryError(folder)
        return str(tree.oid), {"/".join(key): str(found.value) for key, _, found in tree}

    def drop_memory(self) -> Path | None:
        """Remove what DVC remembers of this workspace outside of it, paths and hashes; where it could not.

        DVC makes it anew, and reads all files once for that.
        """
        memory = Path(self._repo.site_cache_dir)
        shutil.rmtree(memory, ignore_errors=True)
        return memory if memory.exists() else None

    def close(self) -> None:
        """Let go of DVC's databases."""
        self._repo.close()
