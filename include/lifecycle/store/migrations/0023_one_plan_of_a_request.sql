-- Two who start to answer one request at the same moment make one plan: the second is refused by the database.

CREATE UNIQUE INDEX plan_of_request_in_progress ON lifecycle.plan (request_id)
    WHERE request_id IS NOT NULL AND state IN ('planned', 'executing');
