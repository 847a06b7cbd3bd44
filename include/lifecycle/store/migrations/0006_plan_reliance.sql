-- Due rows that a batch relies on although they stay or go in another: rows that belong to them go in it.

CREATE TABLE lifecycle.plan_reliance (
    plan_id    bigint NOT NULL,
    batch      integer NOT NULL,
    collection text NOT NULL,
    keys       text[],
    PRIMARY KEY (plan_id, batch, collection),
    FOREIGN KEY (plan_id, batch) REFERENCES lifecycle.plan_batch
);
COMMENT ON TABLE lifecycle.plan_reliance IS 'Rows that must still be due when a batch is carried out, besides those that it deletes.';
COMMENT ON COLUMN lifecycle.plan_reliance.keys IS 'The rows: one array literal for each primary key column. Emptied once the plan has ended.';

GRANT SELECT, INSERT, UPDATE ON lifecycle.plan_reliance TO lifecycle_engine;
