-- The log's order and its proofs: positions, the tiles of the tree, signed checkpoints.
-- depends: 0021.own_drafts
--
-- audit.position     where each entry stands: one gapless order for all, one for each tenant
-- audit.tile         the hashes of the tree (RFC 9162), 256 to a row, as C2SP tiles
-- audit.checkpoint   signed size and root, one for each time something was sealed
-- audit.cosignature  what witnesses signed of them
-- audit.incarnation  a log's lives: what was there when it began, and when it was taken up again
--                    after a restore
--
-- A leaf of the tree is the JSON array
--   ["plant-leaf/v1", tenant, pos, entry hash, tenant_prev]
-- without white space: the tenant as text, pos as an integer, hashes as lower-case hex.
-- tenant_prev is the leaf hash of the tenant's entry before, 64 zeros for the first. Leaf hash =
-- sha256 of the byte 0 and the array's bytes.
--
-- All of it is written by plant_worker, the sequencer and sealer; nobody changes it afterwards.

CREATE TABLE audit.position (
    log_index bigint NOT NULL,
    tenant_id uuid NOT NULL,
    pos bigint NOT NULL,
    audit_id uuid NOT NULL,
    tenant_prev bytea NOT NULL,
    leaf_hash bytea NOT NULL,
    CONSTRAINT position_pkey PRIMARY KEY (log_index),
    CONSTRAINT position_pos_key UNIQUE (tenant_id, pos),
    CONSTRAINT position_entry_key UNIQUE (tenant_id, audit_id),
    CONSTRAINT position_log_index_range CHECK (log_index >= 0),
    CONSTRAINT position_pos_range CHECK (pos >= 1),
    CONSTRAINT position_hashes_shape CHECK (
        octet_length(tenant_prev) = 32 AND octet_length(leaf_hash) = 32
    )
);
-- No foreign key to audit.entry: the sequencer reads the entry that it places.
COMMENT ON TABLE audit.position IS 'One row per entry in order: its index in the log from 0, its place in the tenant''s from 1.';
COMMENT ON COLUMN audit.position.tenant_prev IS 'Leaf hash of the tenant''s entry before; zeros for its first.';

CREATE TABLE audit.tile (
    level smallint NOT NULL,
    index bigint NOT NULL,
    nodes bytea NOT NULL,
    CONSTRAINT tile_pkey PRIMARY KEY (level, index),
    CONSTRAINT tile_level_range CHECK (level BETWEEN 0 AND 7),
    CONSTRAINT tile_index_range CHECK (index >= 0),
    CONSTRAINT tile_nodes_shape CHECK (
        octet_length(nodes) BETWEEN 32 AND 8192 AND octet_length(nodes) % 32 = 0
    )
);
-- Hashes do not get smaller by compressing.
ALTER TABLE audit.tile ALTER COLUMN nodes SET STORAGE EXTERNAL;
COMMENT ON TABLE audit.tile IS 'Hashes of the tree, up to 256 to a tile; level 0 are the leaves. Only the last of a level grows.';

CREATE TABLE audit.checkpoint (
    size bigint NOT NULL,
    incarnation integer NOT NULL,
    origin text NOT NULL,
    root bytea NOT NULL,
    note text NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT checkpoint_pkey PRIMARY KEY (incarnation, size),
    CONSTRAINT checkpoint_incarnation_range CHECK (incarnation >= 1),
    CONSTRAINT checkpoint_size_range CHECK (size >= 0),
    CONSTRAINT checkpoint_root_shape CHECK (octet_length(root) = 32)
);
COMMENT ON TABLE audit.checkpoint IS 'Signed size and root of the tree, each as the note that was published.';

CREATE TABLE audit.cosignature (
    incarnation integer NOT NULL,
    size bigint NOT NULL,
    witness text NOT NULL,
    line text NOT NULL,
    CONSTRAINT cosignature_pkey PRIMARY KEY (incarnation, size, witness)
);
COMMENT ON TABLE audit.cosignature IS 'Signature lines of witnesses on a checkpoint, checked before they are kept.';

CREATE TABLE audit.incarnation (
    incarnation integer NOT NULL,
    origin text NOT NULL,
    system_identifier bigint NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    size bigint NOT NULL,
    root bytea NOT NULL,
    reason text NOT NULL,
    given_up text,
    CONSTRAINT incarnation_pkey PRIMARY KEY (incarnation),
    CONSTRAINT incarnation_number_range CHECK (incarnation >= 1),
    CONSTRAINT incarnation_size_range CHECK (size >= 0),
    CONSTRAINT incarnation_root_shape CHECK (octet_length(root) = 32)
);
COMMENT ON TABLE audit.incarnation IS 'When the log began, and each time it was taken up again after a restore: what was there.';
COMMENT ON COLUMN audit.incarnation.given_up IS 'The signed note that what was there did not agree with; null where there was none.';

-- Nobody looks for a hash or a text of these: plans need nothing of them.
ALTER TABLE audit.position
    ALTER COLUMN tenant_prev SET STATISTICS 0,
    ALTER COLUMN leaf_hash SET STATISTICS 0;
ALTER TABLE audit.tile ALTER COLUMN nodes SET STATISTICS 0;
ALTER TABLE audit.checkpoint
    ALTER COLUMN origin SET STATISTICS 0,
    ALTER COLUMN root SET STATISTICS 0,
    ALTER COLUMN note SET STATISTICS 0;
ALTER TABLE audit.cosignature
    ALTER COLUMN witness SET STATISTICS 0,
    ALTER COLUMN line SET STATISTICS 0;
ALTER TABLE audit.incarnation
    ALTER COLUMN origin SET STATISTICS 0,
    ALTER COLUMN root SET STATISTICS 0,
    ALTER COLUMN reason SET STATISTICS 0,
    ALTER COLUMN given_up SET STATISTICS 0;

ALTER TABLE audit.position ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.position FORCE ROW LEVEL SECURITY;
CREATE POLICY position_read ON audit.position FOR SELECT TO plant_app, plant_readonly
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY position_worker_read ON audit.position FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY position_worker_add ON audit.position FOR INSERT TO plant_worker
WITH CHECK (TRUE);
GRANT SELECT ON audit.position TO plant_app, plant_readonly, plant_worker;
GRANT INSERT ON audit.position TO plant_worker;

-- Of no tenant: hashes, sizes and signatures, made to be shown to anybody.
ALTER TABLE audit.tile ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.tile FORCE ROW LEVEL SECURITY;
CREATE POLICY tile_read ON audit.tile FOR SELECT TO plant_app, plant_readonly, plant_worker
USING (TRUE);
CREATE POLICY tile_worker_add ON audit.tile FOR INSERT TO plant_worker
WITH CHECK (TRUE);
CREATE POLICY tile_worker_grow ON audit.tile FOR UPDATE TO plant_worker
USING (TRUE) WITH CHECK (TRUE);
GRANT SELECT ON audit.tile TO plant_app, plant_readonly, plant_worker;
GRANT INSERT, UPDATE (nodes) ON audit.tile TO plant_worker;

ALTER TABLE audit.checkpoint ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.checkpoint FORCE ROW LEVEL SECURITY;
CREATE POLICY checkpoint_read ON audit.checkpoint FOR SELECT
TO plant_app, plant_readonly, plant_worker
USING (TRUE);
CREATE POLICY checkpoint_worker_add ON audit.checkpoint FOR INSERT TO plant_worker
WITH CHECK (TRUE);
GRANT SELECT ON audit.checkpoint TO plant_app, plant_readonly, plant_worker;
GRANT INSERT ON audit.checkpoint TO plant_worker;

ALTER TABLE audit.cosignature ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.cosignature FORCE ROW LEVEL SECURITY;
CREATE POLICY cosignature_read ON audit.cosignature FOR SELECT
TO plant_app, plant_readonly, plant_worker
USING (TRUE);
CREATE POLICY cosignature_worker_add ON audit.cosignature FOR INSERT TO plant_worker
WITH CHECK (TRUE);
GRANT SELECT ON audit.cosignature TO plant_app, plant_readonly, plant_worker;
GRANT INSERT ON audit.cosignature TO plant_worker;

ALTER TABLE audit.incarnation ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.incarnation FORCE ROW LEVEL SECURITY;
CREATE POLICY incarnation_read ON audit.incarnation FOR SELECT
TO plant_app, plant_readonly, plant_worker
USING (TRUE);
CREATE POLICY incarnation_worker_add ON audit.incarnation FOR INSERT TO plant_worker
WITH CHECK (TRUE);
GRANT SELECT ON audit.incarnation TO plant_app, plant_readonly, plant_worker;
GRANT INSERT ON audit.incarnation TO plant_worker;

-- A tile is a prefix of what it will be: what was published of it stays.
CREATE FUNCTION audit.tile_growth() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.level <> OLD.level OR NEW.index <> OLD.index
        OR octet_length(NEW.nodes) <= octet_length(OLD.nodes)
        OR substr(NEW.nodes, 1, octet_length(OLD.nodes)) <> OLD.nodes
    THEN
        RAISE EXCEPTION 'UPDATE on audit.tile is refused: a tile only grows.'
            USING ERRCODE = 'PL013';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION audit.tile_growth() IS 'Trigger: lets a tile get longer, and nothing else.';

CREATE TRIGGER position_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.position
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER tile_10_growth BEFORE UPDATE ON audit.tile
FOR EACH ROW EXECUTE FUNCTION audit.tile_growth();
CREATE TRIGGER tile_append_only BEFORE DELETE OR TRUNCATE ON audit.tile
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER checkpoint_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.checkpoint
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER cosignature_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.cosignature
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER incarnation_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.incarnation
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE audit.position ENABLE ALWAYS TRIGGER position_append_only;
ALTER TABLE audit.tile ENABLE ALWAYS TRIGGER tile_10_growth;
ALTER TABLE audit.tile ENABLE ALWAYS TRIGGER tile_append_only;
ALTER TABLE audit.checkpoint ENABLE ALWAYS TRIGGER checkpoint_append_only;
ALTER TABLE audit.cosignature ENABLE ALWAYS TRIGGER cosignature_append_only;
ALTER TABLE audit.incarnation ENABLE ALWAYS TRIGGER incarnation_append_only;
