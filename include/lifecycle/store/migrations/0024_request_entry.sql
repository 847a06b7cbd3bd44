-- Which entry of the ledger has the digest of a request's receipt: looked for in the ledger, it takes as long as that is.

ALTER TABLE lifecycle.request ADD COLUMN entry_sequence bigint;
COMMENT ON COLUMN lifecycle.request.entry_sequence IS
    'The ledger''s entry that closed the request; null while it is open, and where a restored backup did not know it.';
GRANT SELECT (entry_sequence) ON lifecycle.request TO lifecycle_reader;
