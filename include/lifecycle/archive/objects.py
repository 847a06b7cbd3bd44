"""Objects: Parquet files, encrypted as a whole by Parquet's own scheme, hashed while they are written and read."""

from __future__ import annotations

import hashlib
import io
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.parquet import encryption

from lifecycle.archive.layout import ROWS_PER_GROUP
from lifecycle.archive.storage import BLOCK_BYTES
from lifecycle.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lifecycle.archive.storage import Location


pa.set_memory_pool(pa.system_memory_pool())
"""Arrow's own keep for themselves what was freed: a fifth more at the peak."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """An object as it was written.

    Attributes:
        documents: how many stand in it.
        key: what encrypts it, wrapped.
        sha256: of its bytes, hexadecimal.
    """

    name: str
    size: int
    sha256: str
    documents: int
    key: bytes

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return {
            "name": self.name,
            "size": self.size,
            "sha256": self.sha256,
            "documents": self.documents,
            "key": self.key.hex(),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Written:
        """The value that stands so in a manifest."""
        return cls(**{**document, "key": bytes.fromhex(document["key"])})


class ObjectWriter:
    """Writes one object to every location at once.

    Args:
        file: where its bytes go.
        schema: of its columns.
        key: 32 bytes that encrypt it.
        name: of the object, to which the encryption binds it.
    """

    def __init__(self, file: HashedFile, schema: pa.Schema, key: bytes, name: str) -> None:
        self.documents = 0
        self._file = file
        self._parquet = pq.ParquetWriter(
            pa.PythonFile(file, mode="w"),
            schema,
            compression="zstd",
            use_dictionary=False,
            write_statistics=False,
            encryption_properties=encryption.create_encryption_properties(
                key, aad_prefix=name.encode(), store_aad_prefix=False
            ),
        )

    def write(self, table: pa.Table, rows_per_group: int = ROWS_PER_GROUP) -> None:
        """Write some rows, in groups of so many but for the last of an object."""
        self._parquet.write_table(table, row_group_size=rows_per_group)
        self.documents += table.num_rows

    def close(self) -> None:
        """Write what tells a reader what is in it."""
        self._parquet.close()


@contextmanager
def new_object(
    locations: Sequence[Location], name: str, schema: pa.Schema, key: bytes
) -> Iterator[tuple[ObjectWriter, HashedFile]]:
    """Write an object to every location: whole or not at all, and never over another.

    Raises:
        StorageError: a location refuses.
    """
    with ExitStack() as stack:
        file = HashedFile([stack.enter_context(one.create(name)) for one in locations])
        writer = ObjectWriter(file, schema, key, name)
        try:
            yield writer, file
        except BaseException:
            file.give_up()  # Arrow would write its end into a file that is closed, whenever it is collected
            raise
        finally:
            writer.close()


@contextmanager
def reading_object(file: BinaryIO, name: str, key: bytes) -> Iterator[pq.ParquetFile]:
    """An object that is read.

    Raises:
        CheckFailed: it is not what was written.
    """
    with unlike_what_was_written(name):
        yield pq.ParquetFile(
            file, decryption_properties=encryption.create_decryption_properties(key, aad_prefix=name.encode())
        )


@contextmanager
def unlike_what_was_written(name: str) -> Iterator[None]:
    """What Arrow meets in an object that it cannot read, or in what it read, in words that quote no value.

    Raises:
        CheckFailed: it is not what was written.
    """
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise CheckFailed(
            f"this object is not what was written: {type(error).__name__}",
            place=name,
            next_step="lifecycle archive verify names what is wrong, and repairs it from a second location",
        ) from None


def sha256_of(file: BinaryIO) -> tuple[str, int]:
    """Digest and size of all that a file has, read once from the beginning."""
    digest, size = hashlib.sha256(), 0
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


class HashedFile(io.RawIOBase):
    """A file that hands its bytes on to others, and knows their digest."""

    def __init__(self, files: Sequence[BinaryIO]) -> None:
        self._files = tuple(files)
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of what was written so far, hexadecimal."""
        return self._digest.hexdigest()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Hand bytes on."""
        block = memoryview(data)
        self._digest.update(block)
        for file in self._files:
            file.write(block)
        self.size += len(block)
        return len(block)

    def give_up(self) -> None:
        """Hand nothing on any more."""
        self._files = ()

    def tell(self) -> int:
        """How many bytes were written."""
        return self.size
