-- Whom a hold names is kept in every spelling that rows may have, with the form by which they are compared.

ALTER TABLE lifecycle.hold_subject DROP CONSTRAINT hold_subject_value_check;
ALTER TABLE lifecycle.hold_subject ADD COLUMN form text;
-- A hold that is in force covers what it covered: addresses without regard to case, everything else exactly.
UPDATE lifecycle.hold_subject SET form = CASE identity WHEN 'email' THEN 'email' ELSE 'exact' END;
ALTER TABLE lifecycle.hold_subject
    ALTER COLUMN form SET NOT NULL,
    ADD CONSTRAINT hold_subject_form CHECK (form IN ('email', 'untagged_email', 'phone', 'exact')),
    ALTER COLUMN value TYPE text[] USING CASE
        WHEN value IS NULL THEN NULL
        WHEN identity = 'email' THEN ARRAY[lower(btrim(value))]
        ELSE ARRAY[value]
    END;
ALTER TABLE lifecycle.hold_subject RENAME COLUMN value TO spellings;
ALTER TABLE lifecycle.hold_subject
    ADD CONSTRAINT hold_subject_spellings CHECK (spellings <> '{}' AND array_position(spellings, NULL) IS NULL),
    ALTER COLUMN spellings SET STATISTICS 0;
COMMENT ON TABLE lifecycle.hold_subject IS
    'Whom a hold names: every row that has this identity, now or later, and what belongs to it. No index on the spellings: it would be another copy.';
COMMENT ON COLUMN lifecycle.hold_subject.form IS 'How spellings of it are compared, as the policy said when the hold was placed.';
COMMENT ON COLUMN lifecycle.hold_subject.spellings IS
    'Every spelling of it, folded. Forgotten (null) once the hold is released or has ended.';
