"""The ledger: what was done, provable to someone who trusts neither the database nor its administrator.

Entries hold ids, digests, counts and reasons, never personal data, and outlive what they speak of. They are
the leaves of an RFC 6962 Merkle tree; checkpoints sign its root. Whoever kept an old checkpoint notices any
later change. Nothing here deletes, and nothing here reads the company's own tables.
"""
