-- name: label_partition_due :many
-- Read the labels of the next entities that are to be computed for a table that is being made.
--
-- One line at least, of nulls where these entities need nothing; none behind the last entity.
--
-- param: $1 tenant_id uuid
-- param: $2 after_id uuid
-- param: $3 entities bigint
-- param: $4 next_no integer
-- param: $5 model text
-- param: $6 words text
-- param: $7 since timestamptz
-- returns: entity_id uuid, entity_type text, label_no integer, source text, label text,
--    digest bytea, embedder text, brought public.vector, private_to uuid, last_id uuid
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT
    due.entity_id,
    due.entity_type,
    due.label_no,
    due.source,
    due.label,
    due.text_sha256 AS digest,
    due.embedder,
    due.brought,
    due.private_to,
    due.last_id
FROM app.due_label_page($1, $2, $3, $4, $5, $6, $7) AS due
ORDER BY due.entity_id ASC, due.label_no ASC
LIMIT 1000000;
