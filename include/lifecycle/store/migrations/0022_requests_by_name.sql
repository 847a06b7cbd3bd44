-- A request may name its subject by name and employer: that is sealed like an identity, and never counts by itself.

ALTER TABLE lifecycle.request_identity DROP CONSTRAINT request_identity_source_check;
ALTER TABLE lifecycle.request_identity ADD CONSTRAINT request_identity_source_check
    CHECK (source IN ('given', 'named', 'found', 'candidate', 'confirmed', 'declined'));
COMMENT ON COLUMN lifecycle.request_identity.source IS
    'Given by whoever asks, or found on rows of the subject; a candidate stands on rows of others too, or on rows that have the name by which the request names its subject, and only an operator can say.';
