-- name: label_pending :many
-- Read which labels of a tenant's entities are to be embedded or removed, in the order of its log.
--
-- Entries behind a position are looked at, then those that have no place yet, behind a number of
-- the queue: so much is in until_pos and until_seq. Each line is a label without its vectors, or
-- none where an entity has one too many, and tells at which entry the entity comes up first. Of an
-- entity that needs nothing there is a line without a version; one line there is in any case.
--
-- param: $1 tenant_id uuid
-- param: $2 after_pos bigint
-- param: $3 after_seq bigint
-- param: $4 entries bigint
-- param: $5 model text
-- param: $6 words text
-- param: $7 since timestamptz
-- param: $8 count bigint
-- returns: until_pos bigint, until_seq bigint, pos bigint, seq bigint, entity_id uuid,
--    entity_type text, version integer, source text, label text, digest bytea, embedder text
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
-- plan: position_pos_key
WITH found AS MATERIALIZED (
    (
        SELECT
            position.pos,
            NULL::bigint AS seq,
            position.audit_id
        FROM audit.position
        WHERE position.tenant_id = $1 AND position.pos > $2
        ORDER BY position.pos ASC
        LIMIT $4
    )
    UNION ALL
    (
        SELECT
            NULL::bigint AS pos,
            pending.seq,
            pending.audit_id
        FROM audit.pending
        WHERE pending.tenant_id = $1 AND pending.seq > $3
        ORDER BY pending.seq ASC
        LIMIT $4
    )
),

touched AS MATERIALIZED (
    SELECT
        entry.entity_id,
        min(found.pos) AS pos,
        min(found.seq) AS seq
    FROM found
    INNER JOIN audit.entry ON entry.tenant_id = $1 AND found.audit_id = entry.audit_id
    GROUP BY entry.entity_id
)

SELECT
    coalesce((SELECT max(found.pos) FROM found), $2) AS until_pos,
    coalesce((SELECT max(found.seq) FROM found), $3) AS until_seq,
    touched.pos,
    touched.seq,
    touched.entity_id,
    due.entity_type,
    due.version,
    due.source,
    due.label,
    due.text_sha256 AS digest,
    due.embedder
FROM (SELECT 1 AS nth) AS line
LEFT OUTER JOIN touched ON line.nth = 1
LEFT OUTER JOIN LATERAL app.due_labels($1, touched.entity_id, $5, $6, $7) AS due ON TRUE
ORDER BY
    touched.pos ASC NULLS LAST,
    touched.seq ASC NULLS LAST,
    touched.entity_id ASC,
    due.source ASC
LIMIT $8;
