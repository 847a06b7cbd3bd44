-- Which policies plans were made under: each text once, so that its adoption is entered in the ledger once.

CREATE TABLE lifecycle.policy_adopted (
    version date NOT NULL,
    digest  text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    as_of   timestamptz NOT NULL,
    PRIMARY KEY (version, digest)
);
COMMENT ON TABLE lifecycle.policy_adopted IS 'Policies under which a run has decided. A version with two digests was edited after it was in force.';
COMMENT ON COLUMN lifecycle.policy_adopted.digest IS 'SHA-256 of the policy file, as sha256sum prints it.';
COMMENT ON COLUMN lifecycle.policy_adopted.as_of IS 'Moment of the first run under it.';

GRANT SELECT, INSERT ON lifecycle.policy_adopted TO lifecycle_engine;
GRANT SELECT ON lifecycle.policy_adopted TO lifecycle_reader;
