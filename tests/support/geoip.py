"""A file that tells countries of addresses, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmdb_writer import MMDBWriter
from netaddr import IPSet

if TYPE_CHECKING:
    from pathlib import Path

NETWORKS: dict[str, object] = {
    "192.0.2.0/24": {"iso_code": "LV"},
    "2001:db8::/32": {"iso_code": "FI"},
    "198.51.100.0/24": "nonsense",
}
"""What the file says of the country of each."""


def write_geoip(folder: Path) -> Path:
    """Write it; says where."""
    writer = MMDBWriter(6, "Test", ipv4_compatible=True)
    for network, country in NETWORKS.items():
        writer.insert_network(IPSet([network]), {"country": country})
    path = folder / "countries.mmdb"
    writer.to_db_file(str(path))
    return path
