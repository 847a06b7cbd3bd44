-- What is done for requests other than erasures: rows are read for their subject, corrected, restricted; what the
-- subject wishes is recorded or set.

ALTER TABLE lifecycle.plan_item DROP CONSTRAINT plan_item_action_check;
ALTER TABLE lifecycle.plan_item ADD CONSTRAINT plan_item_action_check
    CHECK (action IN ('cut', 'redact', 'mask', 'delete', 'drop_partition',
                      'disclose', 'rectify', 'record', 'set', 'restrict'));
