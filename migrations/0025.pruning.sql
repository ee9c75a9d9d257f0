-- Pruning: documents of the past go to a file, and the log says to which.
-- depends: 0024.erasure
--
-- The log grows by the documents of every version. Pruning a tenant's log up to a position
-- empties those of versions that are not the last of what they are of; entries, hashes and
-- places stay, and a file that proves itself (docs/audit-format.md) has the documents. The log
-- says so by an entry of a chain of its own: kind `log`, the tenant as the entity, operation
-- `prune`, and a document with position, file and digest. An empty payload is legitimate at or
-- before such a position; the documents of that chain are never emptied.
--
--   audit.prune_log(tenant, through, archive, digest)   does it, in one transaction of one
--                                                       snapshot
--   audit.prune                                         up to which position, to which file, and
--                                                       by which transaction

CREATE TABLE audit.prune (
    tenant_id uuid NOT NULL,
    -- of the entry that says so
    version integer NOT NULL,
    through bigint NOT NULL,
    archive text NOT NULL,
    digest bytea NOT NULL,
    emptied bigint NOT NULL,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    pruned_at timestamptz NOT NULL,
    CONSTRAINT prune_pkey PRIMARY KEY (tenant_id, version),
    CONSTRAINT prune_version_range CHECK (version >= 1),
    CONSTRAINT prune_through_range CHECK (through >= 1),
    CONSTRAINT prune_emptied_range CHECK (emptied >= 0),
    CONSTRAINT prune_archive_shape CHECK (
        char_length(archive) BETWEEN 1 AND 255 AND archive !~ '[[:cntrl:]/]'
    ),
    CONSTRAINT prune_digest_shape CHECK (octet_length(digest) = 32)
);
COMMENT ON TABLE audit.prune IS 'One row per pruning of a tenant''s log: the last position, and the file that has the documents.';
COMMENT ON COLUMN audit.prune.archive IS 'Name of the file, without the folder.';
COMMENT ON COLUMN audit.prune.digest IS 'SHA-256 of the file.';
-- Nobody looks for a file, a hash or a transaction: plans need nothing of them.
ALTER TABLE audit.prune
    ALTER COLUMN archive SET STATISTICS 0,
    ALTER COLUMN digest SET STATISTICS 0,
    ALTER COLUMN transaction_id SET STATISTICS 0;

ALTER TABLE audit.prune ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.prune FORCE ROW LEVEL SECURITY;
CREATE POLICY prune_read ON audit.prune FOR SELECT TO plant_app, plant_readonly, plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY prune_worker_read ON audit.prune FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY prune_add ON audit.prune FOR INSERT TO plant_audit
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON audit.prune TO plant_app, plant_readonly, plant_worker, plant_audit;
GRANT INSERT ON audit.prune TO plant_audit;
CREATE TRIGGER prune_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.prune
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE audit.prune ENABLE ALWAYS TRIGGER prune_append_only;

CREATE POLICY position_audit_read ON audit.position FOR SELECT TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT (tenant_id, pos, audit_id) ON audit.position TO plant_audit;
-- Of the chain of prunings the last entry is continued.
GRANT SELECT (entity_type, at, entry_hash) ON audit.entry TO plant_audit;
-- Handing a function over, or replacing one, needs CREATE on its schema for that moment.
GRANT CREATE ON SCHEMA audit TO plant_audit;

-- The last version of anything keeps its document, and so does the chain of prunings. The log
-- has to say so already.
CREATE FUNCTION audit.prunes(p_tenant_id uuid, p_audit_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM audit.entry AS emptied
        INNER JOIN audit.position AS place
            ON place.tenant_id = emptied.tenant_id AND place.audit_id = emptied.audit_id
        INNER JOIN audit.prune
            ON prune.tenant_id = place.tenant_id AND prune.through >= place.pos
        INNER JOIN audit.entry AS said
            ON
                said.tenant_id = prune.tenant_id
                AND said.entity_id = prune.tenant_id
                AND said.version = prune.version
        INNER JOIN audit.entry AS later
            ON
                later.tenant_id = emptied.tenant_id
                AND later.entity_id = emptied.entity_id
                AND later.version = emptied.version + 1
        WHERE
            emptied.tenant_id = p_tenant_id
            AND emptied.audit_id = p_audit_id
            AND emptied.entity_type <> 'log'
            AND prune.transaction_id = pg_current_xact_id_if_assigned()
            AND said.operation = 'prune'
    );
END
$$;
COMMENT ON FUNCTION audit.prunes(uuid, uuid) IS 'Whether this transaction prunes the document of an entry.';
GRANT EXECUTE ON FUNCTION audit.prunes(uuid, uuid) TO plant_audit;

-- As in 0024, and for what is pruned.
SET LOCAL ROLE plant_audit;
CREATE OR REPLACE FUNCTION audit.payload_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM audit.erasure
        WHERE
            erasure.tenant_id = app.tenant_id()
            AND erasure.transaction_id = pg_current_xact_id_if_assigned()
    ) AND NOT EXISTS (
        SELECT FROM audit.prune
        WHERE
            prune.tenant_id = app.tenant_id()
            AND prune.transaction_id = pg_current_xact_id_if_assigned()
    ) THEN
        RAISE EXCEPTION 'UPDATE on audit.payload is refused: history is append-only.'
            USING ERRCODE = 'PL013';
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION audit.payload_emptying() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
BEGIN
    -- Pruned: what a step was done for is in no file, and stays.
    IF (NEW.tenant_id, NEW.audit_id, NEW.successor_id, NEW.private_to)
        IS DISTINCT FROM (OLD.tenant_id, OLD.audit_id, OLD.successor_id, OLD.private_to)
        OR num_nonnulls(NEW.salt, NEW.body) > 0
        OR NOT (
            (
                NEW.reason IS NOT DISTINCT FROM OLD.reason
                AND audit.prunes(OLD.tenant_id, OLD.audit_id)
            )
            OR (NEW.reason IS NULL AND audit.erases(OLD.tenant_id, OLD.audit_id))
        )
    THEN
        RAISE EXCEPTION
            'UPDATE on audit.payload is refused: this is neither its erasure nor its pruning.'
            USING ERRCODE = 'PL013';
    END IF;
    RETURN NEW;
END
$$;
SET LOCAL ROLE plant_owner;

-- The log of a tenant has the tenant's id, and pages begin behind the least one. What is there
-- is looked at by 0027, which keeps no writer waiting.
ALTER TABLE app.base_entity ADD CONSTRAINT base_entity_id_range CHECK (
    id <> tenant_id AND id <> '00000000-0000-0000-0000-000000000000'
) NOT VALID;

-- Why a document is not there any more, as far as the log says so. Of prunings the first that
-- reached it: its file holds all that there was.
CREATE FUNCTION app.document_gone(p_audit_id uuid) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_tenant_id constant uuid := app.tenant_id();
    v_gone text;
BEGIN
    PERFORM
    FROM audit.entry AS emptied
    INNER JOIN audit.entry AS erasure
        ON
            erasure.tenant_id = emptied.tenant_id
            AND erasure.entity_id = emptied.entity_id
            AND erasure.version > emptied.version
    WHERE
        emptied.tenant_id = v_tenant_id
        AND emptied.audit_id = p_audit_id
        AND erasure.operation = 'erase';
    IF FOUND THEN
        RETURN 'erased';
    END IF;
    SELECT 'pruned ' || encode(prune.digest, 'hex') || ' ' || prune.archive INTO v_gone
    FROM audit.position AS place
    INNER JOIN audit.prune ON prune.tenant_id = place.tenant_id AND prune.through >= place.pos
    WHERE place.tenant_id = v_tenant_id AND place.audit_id = p_audit_id
    ORDER BY prune.version ASC
    LIMIT 1;
    RETURN v_gone;
END
$$;
COMMENT ON FUNCTION app.document_gone(uuid)
IS '"erased", or "pruned" with digest and name of the file that has it; NULL when the log says neither.';
GRANT EXECUTE ON FUNCTION app.document_gone(uuid) TO plant_app, plant_readonly;

CREATE TYPE audit.pruned AS (
    version integer,
    audit_id uuid,
    entry_hash bytea,
    emptied bigint
);
COMMENT ON TYPE audit.pruned IS 'What a pruning answers with: the entry that says so, and how many documents went.';

CREATE FUNCTION audit.prune_log(
    p_tenant_id uuid, p_through bigint, p_archive text, p_digest bytea
) RETURNS audit.pruned
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_before constant text := coalesce(current_setting('app.tenant_id', TRUE), '');
    v_version integer := 1;
    v_prev_hash bytea := decode(repeat('00', 32), 'hex');
    v_at timestamptz := clock_timestamp();
    v_last record;
    v_count bigint;
    v_emptied bigint;
    v_pruned audit.pruned;
BEGIN
    -- What the entry counts has to be what is emptied.
    IF current_setting('transaction_isolation') <> 'repeatable read' THEN
        RAISE EXCEPTION 'A log is pruned in REPEATABLE READ transactions only.'
            USING ERRCODE = 'PL013';
    END IF;
    -- What the policies ask for.
    PERFORM set_config('app.tenant_id', p_tenant_id::text, TRUE);
    IF NOT EXISTS (
        SELECT FROM audit.position AS place
        WHERE place.tenant_id = p_tenant_id AND place.pos = p_through
    ) THEN
        RAISE EXCEPTION 'The tenant''s log has no position %.', p_through USING ERRCODE = 'PL001';
    END IF;
    SELECT entry.version, entry.entry_hash, entry.at INTO v_last
    FROM audit.entry
    WHERE entry.tenant_id = p_tenant_id AND entry.entity_id = p_tenant_id
        AND entry.entity_type = 'log'
    ORDER BY entry.version DESC
    LIMIT 1;
    IF FOUND THEN
        v_version := v_last.version + 1;
        v_prev_hash := v_last.entry_hash;
        v_at := greatest(v_at, v_last.at + interval '1 microsecond');
    END IF;
    SELECT count(*) INTO v_count
    FROM audit.position AS place
    INNER JOIN audit.entry
        ON entry.tenant_id = place.tenant_id AND entry.audit_id = place.audit_id
    INNER JOIN audit.payload
        ON payload.tenant_id = place.tenant_id AND payload.audit_id = place.audit_id
    WHERE
        place.tenant_id = p_tenant_id
        AND place.pos <= p_through
        AND payload.salt IS NOT NULL
        AND entry.entity_type <> 'log'
        AND EXISTS (
            SELECT FROM audit.entry AS later
            WHERE
                later.tenant_id = entry.tenant_id
                AND later.entity_id = entry.entity_id
                AND later.version = entry.version + 1
        );

    -- Of the operator: there is no key, and no governance agent.
    PERFORM set_config('app.step_reason', '', TRUE);
    SELECT v_version, appended.audit_id, appended.entry_hash, v_count INTO v_pruned
    FROM audit.append_entry(
        p_tenant_id, 'log', p_tenant_id, v_version, 'prune',
        'role ' || regexp_replace(session_user, '[^A-Za-z0-9_.-]', '?', 'g'), '', v_at,
        json_build_object(
            'id', p_tenant_id, 'entity_type', 'log', 'version', v_version, 'through', p_through,
            'emptied', v_count, 'archive', p_archive, 'sha256', encode(p_digest, 'hex'),
            'updated_at', to_char(v_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        )::text,
        v_prev_hash, NULL
    ) AS appended;
    INSERT INTO audit.prune (tenant_id, version, through, archive, digest, emptied, pruned_at)
    VALUES (p_tenant_id, v_version, p_through, p_archive, p_digest, v_count, v_at);

    UPDATE audit.payload SET salt = NULL, body = NULL
    FROM audit.position AS place
    INNER JOIN audit.entry
        ON entry.tenant_id = place.tenant_id AND entry.audit_id = place.audit_id
    WHERE
        place.tenant_id = p_tenant_id
        AND place.pos <= p_through
        AND payload.tenant_id = place.tenant_id
        AND payload.audit_id = place.audit_id
        AND payload.salt IS NOT NULL
        AND entry.entity_type <> 'log'
        AND EXISTS (
            SELECT FROM audit.entry AS later
            WHERE
                later.tenant_id = entry.tenant_id
                AND later.entity_id = entry.entity_id
                AND later.version = entry.version + 1
        );
    GET DIAGNOSTICS v_emptied = ROW_COUNT;
    IF v_emptied <> v_count THEN
        RAISE EXCEPTION 'The entry says %, and % were emptied.', v_count, v_emptied
            USING ERRCODE = 'PL013';
    END IF;
    -- Its place comes with the COMMIT, behind what was written meanwhile; to verifiers an entry
    -- that is an hour older than those before it is a wrong clock.
    IF clock_timestamp() > v_at + interval '45 minutes' THEN
        RAISE EXCEPTION 'This took too long: prune up to an earlier position first.'
            USING ERRCODE = 'PL013';
    END IF;
    PERFORM set_config('app.tenant_id', v_before, TRUE);
    RETURN v_pruned;
END
$$;
COMMENT ON FUNCTION audit.prune_log(uuid, bigint, text, bytea)
IS 'Empties the documents of the tenant''s log up to a position, but for the last of each entity; writes the entry that says so.';
GRANT USAGE ON TYPE audit.pruned TO plant_owner, plant_audit;
ALTER FUNCTION audit.prune_log(uuid, bigint, text, bytea) OWNER TO plant_audit;
SET LOCAL ROLE plant_audit;
GRANT EXECUTE ON FUNCTION audit.prune_log(uuid, bigint, text, bytea) TO plant_owner;
SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA audit FROM plant_audit;

-- Prunings that the log tells of, where this was undone and is done again. What transactions did
-- that is over: no number of theirs comes again.
CREATE POLICY entry_prunings ON audit.entry FOR SELECT TO plant_owner USING (TRUE);
CREATE POLICY payload_prunings ON audit.payload FOR SELECT TO plant_owner USING (TRUE);
CREATE POLICY prune_prunings ON audit.prune FOR INSERT TO plant_owner WITH CHECK (TRUE);
INSERT INTO audit.prune (
    tenant_id, version, through, archive, digest, emptied, transaction_id, pruned_at
)
SELECT
    entry.tenant_id,
    entry.version,
    (payload.body::jsonb ->> 'through')::bigint AS through,
    payload.body::jsonb ->> 'archive' AS archive,
    decode(payload.body::jsonb ->> 'sha256', 'hex') AS digest,
    (payload.body::jsonb ->> 'emptied')::bigint AS emptied,
    '0'::xid8 AS transaction_id,
    entry.at AS pruned_at
FROM audit.entry
INNER JOIN audit.payload
    ON entry.tenant_id = payload.tenant_id AND entry.audit_id = payload.audit_id
WHERE
    entry.entity_type = 'log'
    AND entry.operation = 'prune'
    AND entry.entity_id = entry.tenant_id;
DROP POLICY entry_prunings ON audit.entry;
DROP POLICY payload_prunings ON audit.payload;
DROP POLICY prune_prunings ON audit.prune;
