-- A row may have to stay unmasked for a while; and a subject may have been erased by more than one request.

ALTER TABLE lifecycle.request_remainder ADD COLUMN action text NOT NULL DEFAULT 'delete'
    CHECK (action IN ('delete', 'redact', 'mask'));
ALTER TABLE lifecycle.request_remainder ALTER COLUMN action DROP DEFAULT;
ALTER TABLE lifecycle.request_remainder DROP CONSTRAINT request_remainder_pkey;
ALTER TABLE lifecycle.request_remainder ADD PRIMARY KEY (request_id, collection, key, action);
COMMENT ON COLUMN lifecycle.request_remainder.action IS 'What is done to the row when nothing keeps it any more.';
GRANT SELECT (action) ON lifecycle.request_remainder TO lifecycle_reader;

ALTER TABLE lifecycle.suppression DROP CONSTRAINT suppression_pkey;
ALTER TABLE lifecycle.suppression ADD PRIMARY KEY (fingerprint, request_id);
CREATE INDEX suppression_request ON lifecycle.suppression (request_id);
