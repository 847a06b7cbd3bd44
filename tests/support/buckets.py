"""A service that speaks S3, on loopback, with a bucket that locks objects and one that does not."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCKED, UNLOCKED = "s3://locked/books", "s3://unlocked/books"
REGION = "eu-north-1"


@contextmanager
def buckets() -> Iterator[None]:
    """The service, found through the usual variables while this lasts."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULTREGION": REGION,
    }
    try:
        with patch.dict(os.environ, environment):
            client = boto3.client("s3")
            where = {"LocationConstraint": REGION}
            client.create_bucket(
                Bucket="locked", ObjectLockEnabledForBucket=True, CreateBucketConfiguration=where
            )
            client.create_bucket(Bucket="unlocked", CreateBucketConfiguration=where)
            yield
    finally:
        server.stop()
