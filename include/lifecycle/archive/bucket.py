"""Buckets: whatever fsspec knows, and of S3 that objects are locked, and that every version of one is removed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import fsspec

from lifecycle.archive.storage import Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

_NOT_LOCKABLE = {"InvalidRequest", "ObjectLockConfigurationNotFoundError", "NotImplemented"}
"""What a bucket answers that was made without Object Lock."""
_NO_VERSIONS = {"NotImplemented", "501"}
"""What a service answers that knows no versions of objects."""
_THERE_ALREADY = {"PreconditionFailed", "ConditionalRequestConflict", "412"}


class Bucket(Location):
    """A bucket, or a part of one, that speaks S3.

    Where the bucket was made with Object Lock, objects are locked until their time is over. Address and credentials
    of the service are read from the usual variables (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID`` …).

    Args:
        url: ``s3://bucket/prefix``.
        mode: ``COMPLIANCE``, which nobody can take back, or ``GOVERNANCE``.
    """

    def __init__(self, url: str, *, mode: str = "COMPLIANCE") -> None:
        super().__init__(url.rstrip("/"))
        self.mode = mode
        self.files, self.root = fsspec.url_to_fs(self.url, skip_instance_cache=True, use_listings_cache=False)
        self.bucket, _, self.prefix = self.root.partition("/")

    def sizes(self, under: str = "") -> dict[str, int]:
        """Every object below a path, with its bytes."""
        with self._failures_named(under):
            found = self.files.find(f"{self.root}/{under}".rstrip("/"), detail=True)
            return {
                name.removeprefix(f"{self.root}/"): int(about["size"])
                for name, about in sorted(found.items())
            }

    def delete(self, name: str) -> None:
        """Remove every version of an object that is not locked, and the marks of those that were removed before."""
        self._remove(name, (one for one in self._versions(name) if one[0] == self._key(name)))

    def clear(self, folder: str) -> None:
        """Remove every version in a folder that is not locked, those that nothing lists any more too."""
        self._remove(folder, self._versions(f"{folder}/"))

    def retain(self, name: str, until: datetime | None) -> None:
        """Lock an object until a moment, where the bucket can."""
        if until is None:
            return
        retention = {"Mode": self.mode, "RetainUntilDate": until}
        with self._failures_named(name):
            try:
                self.files.call_s3(
                    "put_object_retention", Bucket=self.bucket, Key=self._key(name), Retention=retention
                )
            except OSError as error:
                if _code(error) not in _NOT_LOCKABLE:
                    raise

    def _remove(self, name: str, versions: Iterable[tuple[str, str | None]]) -> None:
        """Remove versions: all that may go, whatever else may not."""
        refused: OSError | None = None
        with self._failures_named(name):
            for key, version in [*versions]:
                which = {"VersionId": version} if version else {}
                try:
                    self.files.call_s3("delete_object", Bucket=self.bucket, Key=key, **which)
                except OSError as error:
                    refused = error
            if refused:
                raise refused

    def _versions(self, begins: str) -> Iterator[tuple[str, str | None]]:
        """Key and version of everything whose name begins so, and of the marks of what was removed."""
        try:
            yield from self._all_versions(begins)
        except OSError as error:
            if _code(error) not in _NO_VERSIONS:
                raise
            for name in self.files.find(self.root, prefix=begins):
                yield name.removeprefix(f"{self.bucket}/"), None

    def _all_versions(self, begins: str) -> Iterator[tuple[str, str]]:
        more: dict[str, Any] = {"Prefix": self._key(begins)}
        while more:
            page = self.files.call_s3("list_object_versions", Bucket=self.bucket, **more)
            for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                yield one["Key"], one["VersionId"]
            following = {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"}
            next_page = {mark: page[name] for mark, name in following.items() if page.get("IsTruncated")}
            more = {"Prefix": self._key(begins), **next_page} if next_page else {}

    def _new(self, name: str) -> BinaryIO:
        path = f"{self.root}/{name}"
        if self.files.exists(path):
            raise FileExistsError
        return self.files.open(path, "xb")  # type: ignore[no-any-return]  # fsspec says nothing of its files

    def _finish(self, name: str, file: BinaryIO) -> None:
        del name
        try:
            file.close()
        except OSError as error:
            if _code(error) in _THERE_ALREADY:
                raise FileExistsError from None
            raise

    def _discard(self, name: str, file: Any) -> None:
        del name
        file.discard()
        file.closed = True  # or it would be sent after all when it is let go

    def _open(self, name: str) -> Any:
        return self.files.open(f"{self.root}/{name}", "rb", cache_type="readahead")

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    @contextmanager
    def _failures_named(self, name: str) -> Iterator[None]:
        """What the service and the way to it complain of; they are no errors of an operating system."""
        from botocore.exceptions import BotoCoreError, ClientError

        with super()._failures_named(name):
            try:
                yield
            except (BotoCoreError, ClientError) as error:
                raise OSError(None, type(error).__name__) from None


def _code(error: BaseException) -> str:
    """The code of the service's answer from which an error was made."""
    cause = error.__cause__ or error.__context__
    answer = getattr(cause, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))
