-- What the statements of a sample may call. Every value is a function of the seed, a salt that names the
-- decision, and a row number: no state, so rows can be made in any order and in any chunks.
-- The functions are simple enough for the planner to inline. seed.number() and seed.size(pool) are made per run.

CREATE FUNCTION seed.uniform(salt text, n bigint) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((hashint8extended(n, hashtextextended(salt, seed.number())) >> 11) & 9007199254740991)
           ::double precision / 9007199254740992::double precision;
COMMENT ON FUNCTION seed.uniform(text, bigint) IS 'At least 0, less than 1, 53 bits.';

CREATE FUNCTION seed.chance(salt text, n bigint, probability double precision) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN seed.uniform(salt, n) < probability;
COMMENT ON FUNCTION seed.chance(text, bigint, double precision) IS 'True for that share of the numbers.';

CREATE FUNCTION seed.integer(salt text, n bigint, lowest bigint, highest bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN lowest + floor(seed.uniform(salt, n) * (highest - lowest + 1))::bigint;
COMMENT ON FUNCTION seed.integer(text, bigint, bigint, bigint) IS 'Evenly between two numbers, both included.';

CREATE FUNCTION seed.skewed(salt text, n bigint, size bigint, skew double precision) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 1 + floor(power(seed.uniform(salt, n), skew) * size)::bigint;
COMMENT ON FUNCTION seed.skewed(text, bigint, bigint, double precision) IS
    'From 1 to size; with a skew above 1 low numbers come more often: a few get most.';

CREATE FUNCTION seed.pareto(salt text, n bigint, alpha double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN power(1 - seed.uniform(salt, n), -1 / alpha);
COMMENT ON FUNCTION seed.pareto(text, bigint, double precision) IS
    'At least 1, rarely very large: the size of a company, of a town.';

CREATE FUNCTION seed.choose(options text[], salt text, n bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN options[seed.integer(salt, n, 1, cardinality(options))];
COMMENT ON FUNCTION seed.choose(text[], text, bigint) IS 'One of a short list; repeat an option to weight it.';

CREATE FUNCTION seed.pick(pool text, salt text, n bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN seed.integer(pool || ' ' || salt, n, 1, seed.size(pool));
COMMENT ON FUNCTION seed.pick(text, text, bigint) IS 'A position in a pool: join the table seed.<pool> on it.';

CREATE FUNCTION seed.uuid(salt text, n bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN md5(salt || ' ' || n::text || ' ' || seed.number()::text)::uuid;
COMMENT ON FUNCTION seed.uuid(text, bigint) IS 'An identifier of its own for every number.';

CREATE FUNCTION seed.instant(salt text, n bigint, earliest timestamptz, latest timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN date_trunc('second', earliest + (latest - earliest) * seed.uniform(salt, n));
COMMENT ON FUNCTION seed.instant(text, bigint, timestamptz, timestamptz) IS 'A whole second between two instants.';

CREATE FUNCTION seed.ascii(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(lower(normalize(value, NFKD)), '[^a-z0-9]', '', 'g');
COMMENT ON FUNCTION seed.ascii(text) IS 'Unaccented small letters and digits; empty for other alphabets.';
