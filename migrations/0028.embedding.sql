-- Labels get their vectors from the worker, entity by entity, behind the log.
-- depends: 0027.ids_apart
--
--   app.wanted_label                    which labels an entity has to have, as its rows say now
--   app.due_labels(…)                   which of them lack their vectors
--   app.write_labels(…)                 brings the labels of entities to that, under their locks
--   app.label_cursor                    up to which position of its log a tenant is embedded
--
-- An entity is embedded as it is when its labels are written. Whoever changes it meanwhile waits,
-- or has made them obsolete: its version is another one then, and the entry of that change is
-- behind the cursor still. So no label outlives an erasure, and none stays private for ever.

-- Two vectors are 3 kB: out of line they would cost a look-up each in every search.
ALTER TABLE app.entity_label
    ALTER COLUMN embedding_384 SET STORAGE PLAIN,
    ALTER COLUMN lexical_384 SET STORAGE PLAIN;
ALTER TABLE app.entity_label_default
    ALTER COLUMN embedding_384 SET STORAGE PLAIN,
    ALTER COLUMN lexical_384 SET STORAGE PLAIN;
-- The short columns beside them stay in the row too; only a long description is moved out.
ALTER TABLE app.entity_label_default SET (toast_tuple_target = 8160);

ALTER TABLE app.entity_label ADD COLUMN embedded_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN app.entity_label.embedder
IS 'Whose vector embedding_384 is: name/version of a model, trigram/1 where there is none, caller.';

CREATE TABLE app.label_cursor (
    tenant_id uuid NOT NULL,
    embedder text NOT NULL,
    pos bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT label_cursor_pkey PRIMARY KEY (tenant_id, embedder),
    CONSTRAINT label_cursor_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenant (tenant_id),
    CONSTRAINT label_cursor_pos_range CHECK (pos >= 0)
);
COMMENT ON TABLE app.label_cursor IS 'The position of its log up to which a tenant is embedded, for each embedder.';
ALTER TABLE app.label_cursor ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.label_cursor FORCE ROW LEVEL SECURITY;
CREATE POLICY label_cursor_worker_read ON app.label_cursor FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY label_cursor_rules_read ON app.label_cursor FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY label_cursor_rules_add ON app.label_cursor FOR INSERT TO plant_rules
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY label_cursor_rules_edit ON app.label_cursor FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.label_cursor TO plant_worker;
GRANT SELECT, INSERT, UPDATE (pos, updated_at) ON app.label_cursor TO plant_rules;
CREATE TRIGGER label_cursor_no_truncate BEFORE TRUNCATE ON app.label_cursor
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE app.label_cursor ENABLE ALWAYS TRIGGER label_cursor_no_truncate;

-- The worker writes labels through the function alone.
DROP POLICY entity_label_worker_add ON app.entity_label;
DROP POLICY entity_label_worker_edit ON app.entity_label;
DROP POLICY entity_label_worker_remove ON app.entity_label;
REVOKE INSERT, UPDATE, DELETE ON app.entity_label FROM plant_worker;
CREATE POLICY entity_label_rules_add ON app.entity_label FOR INSERT TO plant_rules
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY entity_label_rules_remove ON app.entity_label FOR DELETE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
GRANT INSERT, DELETE ON app.entity_label TO plant_rules;

CREATE VIEW app.wanted_label WITH (security_invoker = TRUE) AS
SELECT
    base.tenant_id,
    base.id AS entity_id,
    base.entity_type,
    base.version,
    base.private_to,
    said.source,
    said.label,
    brought.vector AS brought,
    CASE said.source
        WHEN 'caller'
            THEN sha256(convert_to(said.label, 'UTF8') || public.vector_send(brought.vector))
        ELSE sha256(convert_to(said.label, 'UTF8'))
    END AS text_sha256
FROM app.base_entity AS base
LEFT OUTER JOIN app.skill_entity AS skill
    ON base.tenant_id = skill.tenant_id AND base.id = skill.id
LEFT OUTER JOIN app.industry_entity AS industry
    ON base.tenant_id = industry.tenant_id AND base.id = industry.id
CROSS JOIN
    LATERAL ( -- noqa: ST05
        SELECT coalesce(skill.embedding_384, industry.embedding_384) AS vector
    ) AS brought
CROSS JOIN
    LATERAL (
        SELECT
            'name' AS source,
            base.name AS label
        UNION ALL
        SELECT
            'description',
            base.description
        WHERE base.description IS NOT NULL
        UNION ALL
        SELECT DISTINCT
            'alias',
            alias.label
        FROM unnest(base.aliases) AS alias (label)
        UNION ALL
        SELECT
            'caller',
            base.name
        WHERE brought.vector IS NOT NULL
    ) AS said;
COMMENT ON VIEW app.wanted_label IS 'One row per label that an entity has to have, with the digest of what its vectors are made of.';
GRANT SELECT ON app.wanted_label TO plant_worker, plant_rules;

-- Where there is no model, vectors that another process has computed with one stay.
CREATE FUNCTION app.due_labels(
    p_tenant_id uuid, p_entity_id uuid, p_model text, p_words text, p_since timestamptz
)
RETURNS TABLE (
    entity_type text, version integer, source text, label text, text_sha256 bytea, embedder text
)
LANGUAGE sql STABLE
BEGIN ATOMIC
WITH wanted AS MATERIALIZED (
    SELECT
        wanted_label.entity_type,
        wanted_label.version,
        wanted_label.source,
        wanted_label.label,
        wanted_label.text_sha256,
        CASE
            WHEN wanted_label.source = 'caller' THEN 'caller'
            WHEN wanted_label.brought IS NULL THEN $3
            ELSE $4
        END AS embedder,
        wanted_label.brought IS NULL AND $3 = $4 AS takes_any -- noqa: ST10
    FROM app.wanted_label
    WHERE wanted_label.tenant_id = $1 AND wanted_label.entity_id = $2
),

present AS MATERIALIZED (
    SELECT
        entity_label.source,
        entity_label.text_sha256,
        entity_label.embedder,
        entity_label.embedded_at
    FROM app.entity_label
    WHERE entity_label.tenant_id = $1 AND entity_label.entity_id = $2
)

SELECT
    wanted.entity_type,
    wanted.version,
    wanted.source,
    wanted.label,
    wanted.text_sha256,
    wanted.embedder
FROM wanted
WHERE
    NOT EXISTS (
        SELECT
        FROM present
        WHERE
            wanted.source = present.source
            AND wanted.text_sha256 = present.text_sha256
            AND (wanted.embedder = present.embedder OR wanted.takes_any)
            AND present.embedded_at >= $5
    )
UNION ALL
-- a line without a label where there is one too many
SELECT
    max(wanted.entity_type),
    max(wanted.version),
    NULL,
    NULL,
    NULL,
    NULL
FROM wanted
WHERE
    EXISTS (
        SELECT
        FROM present
        WHERE
            NOT EXISTS (
                SELECT
                FROM wanted AS known
                WHERE
                    present.source = known.source
                    AND present.text_sha256 = known.text_sha256
            )
    )
HAVING count(*) > 0;
END;
COMMENT ON FUNCTION app.due_labels(uuid, uuid, text, text, timestamptz)
IS 'Labels of an entity that lack the vectors of this model, or have them from before a time; one line of nulls where a label is too many.';
GRANT EXECUTE ON FUNCTION app.due_labels(uuid, uuid, text, text, timestamptz) TO plant_worker;

CREATE FUNCTION app.label_lock(p_tenant_id uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended('plant labels ' || p_tenant_id, 0);
COMMENT ON FUNCTION app.label_lock(uuid) IS 'The advisory lock of whoever embeds a tenant.';
GRANT EXECUTE ON FUNCTION app.label_lock(uuid) TO plant_worker, plant_rules;

CREATE FUNCTION app.write_labels(
    p_tenant_id uuid, p_embedder text, p_pos bigint, p_ids uuid[], p_versions integer[],
    p_entity_ids uuid[], p_sources text[], p_digests bytea[], p_embedders text[],
    p_embeddings public.vector[], p_lexicals public.vector[]
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_before text := coalesce(current_setting('app.tenant_id', TRUE), '');
    v_ids uuid[];
    v_others text[];
    v_written bigint;
BEGIN
    -- plant_worker works for every tenant; the rules of row security hold for one at a time.
    PERFORM set_config('app.tenant_id', p_tenant_id::text, TRUE);
    PERFORM pg_advisory_xact_lock(app.label_lock(p_tenant_id));
    SELECT coalesce(array_agg(locked.id), '{}') INTO v_ids
    FROM (
        SELECT base_entity.id
        FROM unnest(p_ids, p_versions) AS asked (id, version)
        INNER JOIN app.base_entity
            ON
                base_entity.tenant_id = app.tenant_id()
                AND asked.id = base_entity.id
                AND asked.version = base_entity.version
        ORDER BY base_entity.id
        FOR SHARE OF base_entity
    ) AS locked;

    WITH wanted AS MATERIALIZED (
        SELECT
            wanted_label.entity_id, wanted_label.entity_type, wanted_label.private_to,
            wanted_label.source, wanted_label.label, wanted_label.text_sha256,
            wanted_label.brought
        FROM app.wanted_label
        WHERE
            wanted_label.tenant_id = app.tenant_id()
            AND wanted_label.entity_id = ANY(v_ids)
    ),

    given AS MATERIALIZED (
        SELECT
            row_number() OVER () AS nth, asked.entity_id, asked.source, asked.text_sha256,
            asked.embedder, asked.embedding, asked.lexical
        FROM unnest(
            p_entity_ids, p_sources, p_digests, p_embedders, p_embeddings, p_lexicals
        ) AS asked (entity_id, source, text_sha256, embedder, embedding, lexical)
    ),

    present AS MATERIALIZED (
        SELECT entity_label.entity_id, max(entity_label.label_no) AS label_no
        FROM app.entity_label
        WHERE
            entity_label.tenant_id = app.tenant_id()
            AND entity_label.entity_id = ANY(v_ids)
        GROUP BY entity_label.entity_id
    ),

    removed AS (
        DELETE FROM app.entity_label
        WHERE
            entity_label.tenant_id = app.tenant_id()
            AND entity_label.entity_id = ANY(v_ids)
            AND (
                NOT EXISTS (
                    SELECT FROM wanted
                    WHERE
                        wanted.entity_id = entity_label.entity_id
                        AND wanted.source = entity_label.source
                        AND wanted.text_sha256 = entity_label.text_sha256
                )
                OR EXISTS (
                    SELECT FROM given
                    WHERE
                        given.entity_id = entity_label.entity_id
                        AND given.source = entity_label.source
                        AND given.text_sha256 = entity_label.text_sha256
                )
            )
        RETURNING entity_label.embedder
    ),

    written AS (
        INSERT INTO app.entity_label (
            tenant_id, entity_id, label_no, entity_type, source, label, text_sha256, embedder,
            embedding_384, lexical_384, private_to
        )
        SELECT
            app.tenant_id(), wanted.entity_id,
            coalesce(present.label_no, -1)
            + row_number() OVER (PARTITION BY wanted.entity_id ORDER BY given.nth),
            wanted.entity_type, wanted.source, wanted.label, wanted.text_sha256, given.embedder,
            CASE wanted.source
                WHEN 'caller' THEN public.l2_normalize(wanted.brought)
                ELSE given.embedding
            END,
            given.lexical, wanted.private_to
        FROM given
        INNER JOIN wanted
            ON
                given.entity_id = wanted.entity_id
                AND given.source = wanted.source
                AND given.text_sha256 = wanted.text_sha256
        LEFT OUTER JOIN present ON wanted.entity_id = present.entity_id
        RETURNING 1
    )

    SELECT
        (SELECT count(*) FROM written),
        (SELECT array_agg(DISTINCT removed.embedder) FROM removed)
    INTO v_written, v_others;
    -- Whose vectors had to go begins at the beginning when it comes again.
    UPDATE app.label_cursor SET pos = 0, updated_at = now()
    WHERE
        label_cursor.tenant_id = p_tenant_id
        AND label_cursor.embedder = ANY(v_others)
        AND label_cursor.embedder <> p_embedder
        AND label_cursor.pos > 0;

    INSERT INTO app.label_cursor AS before (tenant_id, embedder, pos)
    VALUES (app.tenant_id(), p_embedder, p_pos)
    ON CONFLICT (tenant_id, embedder) DO UPDATE
    SET pos = excluded.pos, updated_at = now()
    WHERE before.pos < excluded.pos;
    PERFORM set_config('app.tenant_id', v_before, TRUE);
    RETURN v_written;
END
$$;
COMMENT ON FUNCTION app.write_labels(
    uuid, text, bigint, uuid[], integer[],
    uuid[], text[], bytea[], text[], public.vector[], public.vector[]
)
IS 'Removes what entities do not say any more, writes what is given and still wanted, moves the cursor; returns how many were written.';
GRANT EXECUTE ON FUNCTION app.write_labels(
    uuid, text, bigint, uuid[], integer[],
    uuid[], text[], bytea[], text[], public.vector[], public.vector[]
) TO plant_worker;

-- Handing a function over needs CREATE on its schema for that moment.
GRANT CREATE ON SCHEMA app TO plant_rules;
ALTER FUNCTION app.write_labels(
    uuid, text, bigint, uuid[], integer[],
    uuid[], text[], bytea[], text[], public.vector[], public.vector[]
) OWNER TO plant_rules;

-- Only an owner replaces a function.
SET LOCAL ROLE plant_rules;
CREATE OR REPLACE FUNCTION app.base_entity_privacy() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
BEGIN
    UPDATE app.entity_parent SET private_to = NEW.private_to
    WHERE tenant_id = NEW.tenant_id AND entity_id = NEW.id;
    UPDATE app.entity_tag SET private_to = NEW.private_to
    WHERE tenant_id = NEW.tenant_id AND entity_id = NEW.id;
    IF NEW.private_to IS NULL THEN
        -- What a draft said before stays its author's: labels that nobody has removed yet.
        DELETE FROM app.entity_label
        WHERE
            entity_label.tenant_id = NEW.tenant_id
            AND entity_label.entity_id = NEW.id
            AND NOT EXISTS (
                SELECT FROM app.wanted_label
                WHERE
                    wanted_label.tenant_id = NEW.tenant_id
                    AND wanted_label.entity_id = NEW.id
                    AND wanted_label.source = entity_label.source
                    AND wanted_label.text_sha256 = entity_label.text_sha256
            );
    END IF;
    UPDATE app.entity_label SET private_to = NEW.private_to
    WHERE tenant_id = NEW.tenant_id AND entity_id = NEW.id;
    CASE NEW.entity_type
        WHEN 'skill' THEN
            UPDATE app.skill_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
        WHEN 'industry' THEN
            UPDATE app.industry_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
        WHEN 'job_role' THEN
            UPDATE app.job_role_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
            UPDATE app.job_role_skill SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND job_role_id = NEW.id;
        WHEN 'team' THEN
            UPDATE app.team_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
        WHEN 'agent' THEN
            UPDATE app.agent_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
            UPDATE app.agent_skill SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND agent_id = NEW.id;
    END CASE;
    RETURN NULL;
END
$$;
SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_rules;
