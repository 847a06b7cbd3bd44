"""Where the objects of archives stand: a folder, or a bucket of anything that speaks S3. Nothing is overwritten."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lifecycle.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

BLOCK_BYTES = 1 << 20
"""What is read at once of an object that is read from end to end."""
_READ_ONLY = 0o444
_FOR_THE_OWNER = 0o700


class AlreadyThere(StorageError):
    """An object of this name was written before; it stays as it is."""


class NotThere(StorageError):
    """There is no object of this name."""


class Location(ABC):
    """One place for objects, which are named by paths with slashes.

    Args:
        url: a folder's path or ``file://`` address, or ``s3://bucket/prefix``.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """Write an object: whole or not at all, and never over another.

        Raises:
            AlreadyThere: there is one.
            StorageError: it cannot be written.
        """
        with self._failures_named(name):
            file = self._new(name)
            try:
                yield file
                self._finish(name, file)
            except BaseException:
                self._discard(name, file)
                raise

    def read(self, name: str) -> bytes:
        """The bytes of a small object.

        Raises:
            NotThere: there is none.
            StorageError: it cannot be read.
        """
        with self.opened(name) as file:
            return file.read()

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """Read an object, wherever in it.

        Raises:
            NotThere: there is none.
            StorageError: it cannot be read.
        """
        with self._failures_named(name), self._open(name) as file:
            yield file

    @abstractmethod
    def sizes(self, under: str = "") -> dict[str, int]:
        """Every object below a path, with its bytes.

        Raises:
            StorageError: the place cannot be reached.
        """

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove an object for good; nothing where there is none.

        Raises:
            StorageError: it cannot be removed, or may not be yet.
        """

    def clear(self, folder: str) -> None:
        """Remove everything in a folder for good; nothing where there is none.

        Raises:
            StorageError: something cannot be removed, or may not be yet.
        """
        for name in self.sizes(folder):
            self.delete(name)

    @abstractmethod
    def retain(self, name: str, until: datetime | None) -> None:
        """Let nobody change an object, nor remove it before a moment, as far as the place can be made to.

        Args:
            name: of the object.
            until: the moment; None where it may be removed at once.

        Raises:
            StorageError: it refuses.
        """

    @abstractmethod
    def _new(self, name: str) -> BinaryIO: ...

    @abstractmethod
    def _finish(self, name: str, file: BinaryIO) -> None: ...

    @abstractmethod
    def _discard(self, name: str, file: BinaryIO) -> None: ...

    @abstractmethod
    def _open(self, name: str) -> Any: ...

    @contextmanager
    def _failures_named(self, name: str) -> Iterator[None]:
        """Turn what a file system or service refuses into an error that names the object."""
        try:
            yield
        except FileExistsError:
            raise AlreadyThere(
                "this object was written before, and nothing is written over it",
                place=f"{self.url}/{name}".rstrip("/"),
                next_step="lifecycle archive verify says whether it belongs there",
            ) from None
        except FileNotFoundError:
            raise NotThere(
                "there is no such object, or no such place",
                place=f"{self.url}/{name}".rstrip("/"),
                next_step="lifecycle archive verify says what is missing, and repairs it from a second location",
            ) from None
        except OSError as error:
            raise StorageError(
                f"the storage refuses: {error.strerror or type(error).__name__}",
                place=f"{self.url}/{name}".rstrip("/"),
                next_step="see that it can be reached and written to, and has room; then run it again",
            ) from None


class Folder(Location):
    """A folder of this machine. Objects are read-only files; who owns them could change that, and is found out."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.root = Path(url.removeprefix("file://")).absolute()

    def sizes(self, under: str = "") -> dict[str, int]:
        """Every object below a path, with its bytes."""
        with self._failures_named(under):
            start = self.root / under
            files = sorted(path for path in start.rglob("*") if path.is_file()) if start.exists() else []
            return {path.relative_to(self.root).as_posix(): path.stat().st_size for path in files}

    def delete(self, name: str) -> None:
        """Remove an object for good."""
        with self._failures_named(name):
            path = self.root / name
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == self.root or not folder.exists() or any(folder.iterdir()):
                    break
                folder.rmdir()

    def retain(self, name: str, until: datetime | None) -> None:
        """See that the file is read-only: a folder knows no more."""
        del until
        with self._failures_named(name):
            (self.root / name).chmod(_READ_ONLY)

    def _new(self, name: str) -> BinaryIO:
        path = self.root / name
        for folder in reversed([folder for folder in path.parents if not folder.exists()]):
            folder.mkdir(mode=_FOR_THE_OWNER, exist_ok=True)
        if path.exists():
            raise FileExistsError
        return path.with_name(f".{path.name}.{os.urandom(8).hex()}").open("xb")

    def _finish(self, name: str, file: BinaryIO) -> None:
        path, unfinished = self.root / name, Path(file.name)
        file.flush()
        os.fsync(file.fileno())
        file.close()
        unfinished.chmod(_READ_ONLY)
        os.link(unfinished, path)  # refuses where somebody was faster
        unfinished.unlink()
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _discard(self, name: str, file: BinaryIO) -> None:
        del name
        file.close()
        Path(file.name).unlink(missing_ok=True)

    def _open(self, name: str) -> BinaryIO:
        return (self.root / name).open("rb")


def location(url: str) -> Location:
    """The place that an address names.

    Raises:
        UsageError: it is none that is known here.
    """
    scheme, colon, _ = url.partition("://")
    if not colon or scheme == "file":
        return Folder(url)
    if scheme == "s3":
        from lifecycle.archive.bucket import Bucket

        return Bucket(url)
    raise UsageError(
        f"{scheme} is no storage that archives are written to",
        place="LIFECYCLE_ARCHIVE",
        next_step="give the path of a folder, or s3://bucket/prefix",
    )
