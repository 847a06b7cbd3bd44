-- A restriction that a subject asked for belongs to that request, which says when and after what word it was lifted.

ALTER TABLE lifecycle.hold ADD COLUMN request_id uuid REFERENCES lifecycle.request;
ALTER TABLE lifecycle.hold ADD CONSTRAINT hold_of_a_request CHECK (request_id IS NULL OR kind = 'restriction');
CREATE UNIQUE INDEX hold_request ON lifecycle.hold (request_id) WHERE request_id IS NOT NULL;
COMMENT ON COLUMN lifecycle.hold.request_id IS 'The request of a subject that it follows from; null where an operator placed it.';
