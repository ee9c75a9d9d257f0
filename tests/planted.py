"""Failures at COMMIT for entities named `planted`: what no request can bring about any more."""

AT_COMMIT = """
CREATE SEQUENCE app.planted;
CREATE FUNCTION app.planted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('app.planted') <= TG_ARGV[1]::integer THEN
        RAISE EXCEPTION 'planted' USING ERRCODE = TG_ARGV[0],
            CONSTRAINT = 'entity_parent_parent_fkey';
    END IF;
    RETURN NULL;
END
$$;
GRANT USAGE ON SEQUENCE app.planted TO PUBLIC;
GRANT EXECUTE ON FUNCTION app.planted() TO PUBLIC;
CREATE CONSTRAINT TRIGGER planted AFTER INSERT ON app.base_entity
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.name = 'planted')
EXECUTE FUNCTION app.planted('{code}', {times});
"""
NOTHING_PLANTED = """
DROP TRIGGER planted ON app.base_entity;
DROP FUNCTION app.planted();
DROP SEQUENCE app.planted;
"""
