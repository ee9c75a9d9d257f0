"""The schema gate: what every table, policy, constraint, index and function has to be.

Asked of pg_catalog, so that it holds for what a later migration adds too. Exceptions are
written down here with their reasons and nowhere else.
"""

import re
from typing import Any

import pytest

from service.constraints import BY_CONSTRAINT
from service.database.address import USERS
from service.database.pool import Pool
from service.settings import Settings
from tests.postgres import Server
from tests.reviewed import BASE_ENTITY, FOREIGN_KEYS, NULLABLE, SECTIONS, foreign_keys
from tests.sessions import Connection as Superuser

pytestmark = pytest.mark.database

TABLES = """
SELECT
    pg_namespace.nspname AS schema, pg_class.relname AS name, pg_class.relrowsecurity AS secured,
    pg_class.relforcerowsecurity AS forced, pg_class.relispartition AS partition,
    pg_get_userbyid(pg_class.relowner)::text AS owner,
    obj_description(pg_class.oid, 'pg_class') AS comment
FROM pg_class INNER JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE pg_namespace.nspname IN ('app', 'audit', 'q') AND pg_class.relkind IN ('r', 'p', 'v')
AND pg_class.relkind <> 'v'
ORDER BY 1, 2
"""
FUNCTIONS = """
SELECT
    pg_namespace.nspname || '.' || pg_proc.proname AS name, pg_proc.prosecdef AS definer,
    pg_get_userbyid(pg_proc.proowner)::text AS owner, coalesce(proconfig, '{}') AS settings,
    coalesce(pg_proc.prosrc, '') AS source,
    obj_description(pg_proc.oid, 'pg_proc') AS comment,
    has_function_privilege('plant_app', pg_proc.oid, 'EXECUTE') AS app,
    has_function_privilege('plant_worker', pg_proc.oid, 'EXECUTE') AS worker,
    has_function_privilege('plant_readonly', pg_proc.oid, 'EXECUTE') AS readonly,
    EXISTS (
        SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) AS granted
        WHERE granted.grantee = 0
    ) AS public,
    pg_proc.prosqlbody IS NOT NULL AS parsed
FROM pg_proc INNER JOIN pg_namespace ON pg_namespace.oid = pg_proc.pronamespace
WHERE pg_namespace.nspname IN ('app', 'audit', 'q')
ORDER BY 1
"""
CONSTRAINTS = """
SELECT
    pg_constraint.conname::text AS name, pg_constraint.contype::text AS kind,
    pg_class.relname::text AS table, pg_class.relispartition AS partition,
    pg_constraint.condeferrable AS deferrable,
    ARRAY(
        SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS key (number, place)
        INNER JOIN pg_attribute ON attrelid = conrelid AND attnum = key.number ORDER BY place
    ) AS columns,
    ARRAY(
        SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS key (number, place)
        INNER JOIN pg_attribute ON attrelid = confrelid AND attnum = key.number ORDER BY place
    ) AS referenced
FROM pg_constraint INNER JOIN pg_class ON pg_class.oid = pg_constraint.conrelid
INNER JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE pg_namespace.nspname IN ('app', 'audit') AND pg_constraint.contype <> 'n'
ORDER BY 1
"""
INDEXES = """
SELECT
    index.relname::text AS name, tab.relname::text AS table, indisunique AS unique,
    indisprimary AS primary, pg_am.amname::text AS method,
    (SELECT attname::text FROM pg_attribute WHERE attrelid = indrelid AND attnum = indkey[0])
        AS first
FROM pg_index INNER JOIN pg_class AS index ON index.oid = indexrelid
INNER JOIN pg_class AS tab ON tab.oid = indrelid
INNER JOIN pg_am ON pg_am.oid = index.relam
INNER JOIN pg_namespace ON pg_namespace.oid = tab.relnamespace
WHERE pg_namespace.nspname IN ('app', 'audit') AND NOT tab.relispartition
ORDER BY 1
"""

# Tables that are no tenant's, and why.
OF_NO_TENANT = {
    "life_cycle_step": "the table of steps is part of the schema, the same for everybody",
    "amendment_step": "as life_cycle_step",
    "secret": "shared by the instances of the service",
    "tile": "the tree is one for all tenants, and holds hashes only",
    "checkpoint": "as tile",
    "cosignature": "as tile",
    "incarnation": "as tile",
}
# Primary keys and unique constraints that do not begin with the tenant, and why.
KEYS_WITHOUT_TENANT = {
    "tenant_name_key": "the name finds the tenant",
    "life_cycle_step_pkey": OF_NO_TENANT["life_cycle_step"],
    "amendment_step_pkey": OF_NO_TENANT["amendment_step"],
    "secret_pkey": OF_NO_TENANT["secret"],
    "pending_pkey": "the queue has one order for all tenants",
    "position_pkey": "the log has one order for all tenants",
    "tile_pkey": OF_NO_TENANT["tile"],
    "checkpoint_pkey": OF_NO_TENANT["tile"],
    "cosignature_pkey": OF_NO_TENANT["tile"],
    "incarnation_pkey": OF_NO_TENANT["tile"],
}
INDEXES_WITHOUT_TENANT = {
    "api_key_hash_idx": "the hash finds the tenant",
    "idempotency_created_at_idx": "emptied by age, over all tenants",
    "entry_at_idx": "read by time, over all tenants",
    "entity_label_embedding_hnsw": "hnsw takes one column; partitions keep tenants apart",
    "entity_label_lexical_hnsw": "as entity_label_embedding_hnsw",
}
# Constraints that no client can break, and why: breaking one is a defect of ours.
WAIVED = {
    "_pkey": "ids are made by the server",
    "_base_fkey": "kind and base rows are written by one function",
    "_entity_fkey": "link and base rows are written by one function",
    "_governance_agent_fkey": "the guard takes the agent of the key",
    "job_role_skill_job_role_fkey": "link and kind rows are written by one function",
    "agent_skill_agent_fkey": "link and kind rows are written by one function",
    "governance_agent_tenant_fkey": "made by the command line for a tenant it has just found",
    "tenant_name_key": "the command line takes the tenant that is there",
    "tenant_name_shape": "the command line checks names",
    "tenant_similar_min_range": "the command line checks the score",
    "api_key_issuer_length": "the command line checks the issuer",
    "governance_agent_name_key": "the command line takes the agent that is there",
    "governance_agent_name_shape": "the command line checks names",
    "api_key_hash_shape": "sha256 has 32 bytes",
    "api_key_scopes_known": "the command line checks scopes",
    "base_entity_entity_type_known": "the kind comes from the path",
    "base_entity_version_range": "set by the guard",
    "base_entity_version_hash_shape": "set by the log",
    "base_entity_times_order": "set by the guard",
    "base_entity_archived_at_matches": "set by the guard",
    "entity_label_source_known": "written by the embedder",
    "entity_label_unit_length": "written by the embedder",
    "entity_label_text_sha256_shape": "written by the embedder",
    "label_cursor_pos_range": "positions are counted from 1",
    "label_cursor_tenant_fkey": "whose log is read has a tenant",
    "entry_version_key": "versions are counted under the row's lock",
    "entry_version_range": "set by the guard",
    "entry_hashes_shape": "written by the log",
    "payload_salt_shape": "written by the log",
    "payload_whole_or_erased": "written by the log",
    "erasure_version_range": "set by the guard",
    "prune_version_range": "counted by one pruning after the other",
    "prune_through_range": "the command line takes numbers from 1",
    "prune_emptied_range": "counted",
    "base_entity_id_range": "ids are drawn by the service, and never these",
    "prune_archive_shape": "the command line takes the name of a file",
    "prune_digest_shape": "sha256 has 32 bytes",
    "position_pos_key": "counted by one sequencer",
    "position_entry_key": "an entry is placed once, by one sequencer",
    "position_log_index_range": "counted by one sequencer",
    "position_pos_range": "counted by one sequencer",
    "position_hashes_shape": "sha256 has 32 bytes",
    "tile_level_range": "eight levels are 2^64 leaves",
    "tile_index_range": "counted by one sealer",
    "tile_nodes_shape": "written by the sealer",
    "checkpoint_incarnation_range": "counted by one sealer",
    "checkpoint_size_range": "counted by one sealer",
    "checkpoint_root_shape": "sha256 has 32 bytes",
    "incarnation_number_range": "counted by one sealer",
    "incarnation_size_range": "counted by one sealer",
    "incarnation_root_shape": "sha256 has 32 bytes",
    "idempotency_key_length": "headers are checked before",
    "idempotency_method_known": "other methods take no key",
    "idempotency_request_hash_shape": "sha256 has 32 bytes",
    "idempotency_status_range": "only successes are kept",
    "import_line_body_or_problem": "written by the importer",
    "life_cycle_step_scope_known": "part of the schema",
    "amendment_step_scope_known": "part of the schema",
    "amendment_certified_key": "certified under the entity's lock, at its version",
    "amendment_status_known": "other states are no step, and refused before",
    "amendment_patch_shape": "a patch is an object before it is sent",
    "amendment_base_version_range": "set by the guard",
    "amendment_version_range": "set by the guard",
    "amendment_version_hash_shape": "set by the log",
    "amendment_times_order": "set by the guard",
}

OWNER, APP, READONLY, WORKER = (USERS[role] for role in ("owner", "app", "readonly", "worker"))
KIND_TABLES = ("skill_entity", "job_role_entity", "team_entity", "agent_entity", "industry_entity")
LINK_TABLES = ("entity_parent", "entity_tag", "job_role_skill", "agent_skill")

# What the roles of the service may do with whole tables; columns are in COLUMN_GRANTS.
WRITES = {
    **{(WORKER, table): "DELETE" for table in ("idempotency", "pending")},
    **{
        (WORKER, table): "INSERT"
        for table in ("position", "tile", "checkpoint", "cosignature", "incarnation")
    },
}
COLUMN_GRANTS = {
    (APP, "base_entity"): {
        "name",
        "external_id",
        "description",
        "aliases",
        "custom_attributes",
        "governance_notes",
        "status",
    },
}
# Definer functions, and whose rights they run with.
DEFINERS = {
    "app.base_entity_guard": "plant_rules",
    "app.base_entity_privacy": "plant_rules",
    "app.check_parents": "plant_rules",
    "app.taken_among": "plant_rules",
    "app.entity_step": "plant_rules",
    "app.remembered": "plant_rules",
    "app.remember": "plant_writer",
    "app.authenticate": "plant_auth",
    "app.authenticate_token": "plant_auth",
    "app.renew_statistics": "plant_writer",
    "audit.base_entity_log": "plant_audit",
    "app.base_entity_erasure": "plant_rules",
    "app.amendment_erasure": "plant_rules",
    "app.entity_erase": "plant_rules",
    "app.write_labels": "plant_rules",
    "app.begin_label_partition": "plant_owner",
    "app.index_label_partition": "plant_owner",
    "app.attach_label_partition": "plant_owner",
    "app.label_versions": "plant_rules",
    "app.copy_labels": "plant_rules",
    "app.due_label_page": "plant_rules",
    "app.mend_labels": "plant_rules",
    "app.clear_labels": "plant_rules",
    "app.move_label_cursor": "plant_rules",
    "audit.erasure_begun": "plant_audit",
    "audit.erasure_log": "plant_audit",
    "audit.payload_update": "plant_audit",
    "audit.payload_emptying": "plant_audit",
    "audit.begin_erasure": "plant_audit",
    "audit.erase": "plant_audit",
    "audit.prune_log": "plant_audit",
    "app.base_entity_restoration": "plant_rules",
    "app.restore_begin": "plant_rules",
    "app.restore_write": "plant_writer",
    "app.restore_end": "plant_rules",
    "audit.begin_restoration": "plant_audit",
    "audit.restoration_begun": "plant_audit",
    "audit.restoration_log": "plant_audit",
    "app.amendment_guard": "plant_rules",
    "app.amendment_propose": "plant_writer",
    "app.amendment_take_step": "plant_writer",
    "audit.amendment_log": "plant_audit",
    **{
        f"app.{kind}_{operation}": "plant_writer"
        for kind in ("skill", "job_role", "team", "agent", "industry")
        for operation in ("create", "amend")
    },
    **{
        f"app.import_{operation}": "plant_writer"
        for operation in (
            "begin",
            "stage",
            "arrange",
            "apply",
            "analyse",
            "end",
            "analyse_lines",
            "analyse_kind",
            "find_absent",
            "archive",
            "take_absent",
        )
    },
}
# What plant_app may call besides the statements: no other function of app or audit.
CALLABLE = (
    {
        "app.tenant_id",
        "app.governance_agent_id",
        "app.key_id",
        "app.certifier_key_id",
        "app.compact_length",
        "app.are_lines",
        "app.is_in_force",
        "app.etag",
        "app.json_time",
        "app.entity_document",
        "app.is_rendered",
        "app.document_gone",
        "app.resolve_references",
        "app.resolved_body",
        "app.name_key",
        "app.prefix_end",
        "app.matching_entity",
        "app.name_ranges",
        "app.job_roles_in_force",
        "app.entity_likeness",
        "app.label_likeness",
        "app.label_similarity",
        "app.match_score",
        "app.relation_weight",
        "app.skill_in_force",
        "app.skill_labels_near",
        "app.skill_weight",
        "app.skills_needed",
        "app.search_admits",
        "app.search_candidates",
        "audit.entry_bytes",
    }
    | {name for name, owner in DEFINERS.items() if owner == "plant_writer"}
    | {"app.entity_step", "app.entity_erase", "app.authenticate", "app.remembered"}
    | {"app.authenticate_token"}
    | {"app.restore_begin", "app.restore_end", "app.restored_in_force"}
    | {"app.create_once", "app.amend_once", "app.step_once"}
    | {"app.amendment_propose_once", "app.amendment_step_once"}
    | {"app.linked_patch", "app.link_of", "app.link_once", "app.lock_teams"}
    | {"app.require_etag", "app.put_once", "app.differs", "app.lock_parents", "app.import_amend"}
    | {"app.batch_placed", "app.batch_lock", "app.batch_do", "app.batch_with", "app.batch_once"}
) - {"app.renew_statistics"}

# An erasure is the update that would give the state `erased`: guard and log are for all others.
ERASED, NOT_ERASED = (f"((new.status {how} 'erased'::text))" for how in ("=", "IS DISTINCT FROM"))
MOVED, OTHER_INDUSTRY = (
    f"((old.{column} IS DISTINCT FROM new.{column}))" for column in ("private_to", "industry_id")
)
TRIGGERS = {
    "base_entity": [
        f"base_entity_10_guard BEFORE INSERT UPDATE ROW app.base_entity_guard {NOT_ERASED}",
        f"base_entity_20_erasure BEFORE UPDATE ROW app.base_entity_erasure {ERASED}",
        f"base_entity_20_restoration BEFORE INSERT ROW app.base_entity_restoration {ERASED}",
        f"base_entity_90_log BEFORE INSERT UPDATE ROW audit.base_entity_log {NOT_ERASED}",
        f"base_entity_91_erasure BEFORE UPDATE ROW audit.erasure_log {ERASED}",
        f"base_entity_91_restoration BEFORE INSERT ROW audit.restoration_log {ERASED}",
        f"base_entity_95_privacy AFTER UPDATE ROW app.base_entity_privacy {MOVED}",
        "base_entity_97_statistics AFTER INSERT STATEMENT app.renew_statistics",
        "base_entity_append_only BEFORE DELETE TRUNCATE STATEMENT audit.refuse_change",
    ],
    **{
        table: [f"{table}_append_only BEFORE DELETE TRUNCATE STATEMENT audit.refuse_change"]
        for table in KIND_TABLES
    },
    "amendment": [
        f"amendment_10_guard BEFORE INSERT UPDATE ROW app.amendment_guard {NOT_ERASED}",
        f"amendment_20_erasure BEFORE UPDATE ROW app.amendment_erasure {ERASED}",
        f"amendment_90_log BEFORE INSERT UPDATE ROW audit.amendment_log {NOT_ERASED}",
        f"amendment_91_erasure BEFORE UPDATE ROW audit.erasure_log {ERASED}",
        "amendment_append_only BEFORE DELETE TRUNCATE STATEMENT audit.refuse_change",
    ],
    "amendment_step": ["amendment_step_no_truncate BEFORE TRUNCATE STATEMENT audit.refuse_change"],
    "entry": ["entry_append_only BEFORE UPDATE DELETE TRUNCATE STATEMENT audit.refuse_change"],
    "payload": [
        "payload_10_update BEFORE UPDATE STATEMENT audit.payload_update",
        "payload_20_emptying BEFORE UPDATE ROW audit.payload_emptying",
        "payload_append_only BEFORE DELETE TRUNCATE STATEMENT audit.refuse_change",
    ],
    "pending": ["pending_append_only BEFORE UPDATE TRUNCATE STATEMENT audit.refuse_change"],
    "tile": [
        "tile_10_growth BEFORE UPDATE ROW audit.tile_growth",
        "tile_append_only BEFORE DELETE TRUNCATE STATEMENT audit.refuse_change",
    ],
    **{
        table: [f"{table}_append_only BEFORE UPDATE DELETE TRUNCATE STATEMENT audit.refuse_change"]
        for table in (
            "position",
            "checkpoint",
            "cosignature",
            "incarnation",
            "erasure",
            "prune",
            "restoration",
        )
    },
}
# Rows of these may go, by the functions or the worker; all at once past every policy they may not.
TRIGGERS |= {
    table: [f"{table}_no_truncate BEFORE TRUNCATE STATEMENT audit.refuse_change"]
    for table in (
        *LINK_TABLES,
        "entity_label",
        "entity_label_default",
        "label_cursor",
        "life_cycle_step",
        "tenant",
        "governance_agent",
        "api_key",
        "idempotency",
        "secret",
    )
}
TRIGGERS["agent_entity"].insert(
    0, f"agent_entity_10_guard BEFORE UPDATE ROW app.agent_entity_guard {OTHER_INDUSTRY}"
)


def named(rows: list[Any]) -> set[str]:
    """Give the names of rows."""
    return {str(row["name"]) for row in rows}


class TestTables:
    """Every table of app and audit."""

    async def test_the_primary_key_begins_with_the_tenant(self, superuser: Superuser) -> None:
        """Every table has a primary key, and it begins with tenant_id but where it is said."""
        tables = await superuser.fetch(TABLES)
        keys = [row for row in await superuser.fetch(CONSTRAINTS) if row["kind"] == "p"]

        assert len(tables) > 20
        assert named(tables) == {row["table"] for row in keys}
        assert {
            row["name"] for row in keys if row["columns"][0] != "tenant_id"
        } == KEYS_WITHOUT_TENANT.keys() - {"tenant_name_key"}

    async def test_unique_constraints_and_foreign_keys_stay_within_a_tenant(
        self, superuser: Superuser
    ) -> None:
        """A unique constraint begins with tenant_id, a foreign key on both of its sides."""
        rows = await superuser.fetch(CONSTRAINTS)
        astray = {
            row["name"]
            for row in rows
            if row["kind"] in "uf"
            and (row["columns"][0], (row["referenced"] or ["tenant_id"])[0])
            != ("tenant_id", "tenant_id")
        }

        assert {"tenant_name_key"} == astray
        assert 20 < sum(row["kind"] == "f" for row in rows)

    async def test_every_foreign_key_is_there(self, superuser: Superuser) -> None:
        """Each refers to what it names, within the tenant."""
        assert FOREIGN_KEYS == await foreign_keys(superuser)

    async def test_only_these_columns_may_be_null(self, superuser: Superuser) -> None:
        """Every other column is NOT NULL."""
        rows = await superuser.fetch(
            """
            SELECT relname::text AS name, string_agg(attname, ' ' ORDER BY attname) AS columns
            FROM pg_attribute INNER JOIN pg_class ON pg_class.oid = attrelid
            WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)
                AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0
                AND NOT attisdropped AND NOT attnotnull AND attname <> 'private_to'
                AND relname <> 'import_line'
            GROUP BY relname
            """
        )

        assert {row["name"]: row["columns"] for row in rows} == NULLABLE

    async def test_foreign_keys_of_entities_are_deferred(self, superuser: Superuser) -> None:
        """Kind and link rows come before the base row: what refers to entities waits for COMMIT."""
        rows = await superuser.fetch(CONSTRAINTS)
        written_first = {*KIND_TABLES, *LINK_TABLES}

        assert {True} == {
            row["deferrable"]
            for row in rows
            if row["kind"] == "f" and row["table"] in written_first
        }

    async def test_indexes_begin_with_the_tenant(self, superuser: Superuser) -> None:
        """Row security filters by tenant first, so every index does, but where it is said."""
        rows = await superuser.fetch(INDEXES)

        assert named([row for row in rows if row["first"] != "tenant_id"]) == (
            INDEXES_WITHOUT_TENANT.keys() | KEYS_WITHOUT_TENANT.keys()
        )

    async def test_row_security_is_forced(self, superuser: Superuser) -> None:
        """Every table but those of steps has row security, enabled and forced on its owner."""
        rows = await superuser.fetch(TABLES)

        assert {"amendment_step", "life_cycle_step"} == {
            row["name"] for row in rows if not (row["secured"] and row["forced"])
        }

    async def test_every_table_is_the_owner_s(self, superuser: Superuser) -> None:
        """No role that serves requests owns a table."""
        assert {OWNER} == {row["owner"] for row in await superuser.fetch(TABLES)}

    async def test_base_entity_is_as_the_contract_says(self, superuser: Superuser) -> None:
        """Every column with its type, in seven sections, each column saying which one."""
        rows = await superuser.fetch(
            """
            SELECT attname::text AS name,
                format_type(atttypid, atttypmod)
                || CASE WHEN collname = 'C' THEN ' COLLATE C' ELSE '' END
                || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END AS type,
                col_description(attrelid, attnum) AS comment
            FROM pg_attribute LEFT JOIN pg_collation ON pg_collation.oid = attcollation
            WHERE attrelid = 'app.base_entity'::regclass AND attnum > 0 AND NOT attisdropped
            ORDER BY attnum
            """
        )
        sections = {part for row in rows for part in row["comment"].split(":")[0].split(" and ")}

        assert {row["name"]: row["type"] for row in rows} == BASE_ENTITY
        assert SECTIONS <= sections

    async def test_generated_columns_are_the_server_s(self, superuser: Superuser) -> None:
        """The key of the name and the privacy of a draft are computed, never written."""
        rows = await superuser.fetch(
            """
            SELECT attname::text AS name, pg_get_expr(adbin, adrelid) AS expression
            FROM pg_attribute INNER JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE attrelid = 'app.base_entity'::regclass AND attgenerated = 's'
            """
        )
        found = {row["name"]: re.sub(r"[\s()]|::text", "", row["expression"]) for row in rows}

        assert found == {
            "name_key": 'casefoldNORMALIZEname,NFKCCOLLATEpg_unicode_fastCOLLATE"C"',
            "private_to": "CASEWHENstatus='draft'THENgovernance_agent_idELSENULL::uuidEND",
        }

    async def test_vectors_have_384_dimensions(self, superuser: Superuser) -> None:
        """Every vector column is vector(384), and none that users edit is indexed."""
        rows = await superuser.fetch(
            """
            SELECT attrelid::regclass::text || '.' || attname AS name,
                format_type(atttypid, atttypmod) AS type
            FROM pg_attribute INNER JOIN pg_class ON pg_class.oid = attrelid
            WHERE atttypid = 'public.vector'::regtype AND relkind IN ('r', 'p')
                AND NOT relispartition
            """
        )

        assert named(rows) == {
            "app.skill_entity.embedding_384",
            "app.industry_entity.embedding_384",
            "app.entity_label.embedding_384",
            "app.entity_label.lexical_384",
        }
        assert {"vector(384)"} == {row["type"] for row in rows}
        assert {"entity_label"} == {
            row["table"] for row in await superuser.fetch(INDEXES) if row["method"] == "hnsw"
        }


class TestNames:
    """Names are an interface: errors are told by them."""

    async def test_constraints_and_indexes_say_table_and_kind(self, superuser: Superuser) -> None:
        """`<table>_pkey`, `<table>_…_key`, `_fkey`, `_idx` or `_hnsw`; a check says its rule."""
        endings = {"p": "_pkey", "u": "_key", "f": "_fkey", "c": ""}
        wrong = {
            row["name"]
            for row in await superuser.fetch(CONSTRAINTS)
            if not row["partition"]
            and (
                not row["name"].startswith(f"{row['table']}_".removeprefix("entity_entity_"))
                or not row["name"].endswith(endings[row["kind"]])
                or (
                    row["kind"] == "c" and re.search(r"_(key|pkey|fkey|idx|check\d*)$", row["name"])
                )
                or (row["kind"] == "p" and row["name"] != f"{row['table']}_pkey")
            )
        }
        wrong |= {
            row["name"]
            for row in await superuser.fetch(INDEXES)
            if not row["name"].startswith(row["table"] + "_")
            or not row["name"].endswith(
                "_pkey" if row["primary"] else "_key" if row["unique"] else ("_idx", "_hnsw")
            )
        }

        assert set() == wrong

    async def test_every_constraint_has_a_meaning(self, superuser: Superuser) -> None:
        """Breaking a constraint is a problem of its own, or is waived with a reason."""
        names = named(await superuser.fetch(CONSTRAINTS)) | named(
            [row for row in await superuser.fetch(INDEXES) if row["unique"]]
        )
        unknown = {
            name
            for name in names - BY_CONSTRAINT.keys()
            if not any(name == waived or name.endswith(waived) for waived in WAIVED)
            # Two indexes that only carry lists and links: the primary key is narrower.
            and name != "base_entity_kind_key"
            and not name.startswith("entity_label_default")
        }

        assert set() == unknown
        assert set() == BY_CONSTRAINT.keys() - names
        assert set() == {waived for waived in WAIVED if waived[0] != "_"} - names

    async def test_everything_has_a_comment(self, superuser: Superuser) -> None:
        """A DBA who meets a schema, table, view, type or function reads what it is for."""
        rows = await superuser.fetch(
            """
            SELECT nspname AS name, obj_description(oid, 'pg_namespace') AS comment
            FROM pg_namespace WHERE nspname IN ('app', 'audit', 'q')
            UNION ALL
            SELECT relname, obj_description(pg_class.oid, 'pg_class') FROM pg_class
            WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)
                AND relkind IN ('r', 'p', 'v')
            UNION ALL
            SELECT typname, obj_description(pg_type.oid, 'pg_type') FROM pg_type
            INNER JOIN pg_class ON pg_class.oid = typrelid AND relkind = 'c'
            WHERE typnamespace IN ('app'::regnamespace, 'audit'::regnamespace)
            UNION ALL
            SELECT proname, obj_description(pg_proc.oid, 'pg_proc') FROM pg_proc
            WHERE pronamespace IN
                ('app'::regnamespace, 'audit'::regnamespace, 'q'::regnamespace)
            """
        )

        assert len(rows) > 80
        assert set() == named([row for row in rows if not row["comment"]])


class TestPolicies:
    """Who may do what; the policies themselves are reviewed in tests/properties/policies.toml."""

    async def test_rights_are_what_the_policies_expect(self, superuser: Superuser) -> None:
        """The service writes by functions; by hand it may change a few columns of base rows."""
        rows = await superuser.fetch(
            """
            SELECT role::text, relname::text AS table,
                string_agg(right_, ' ' ORDER BY right_) AS rights
            FROM unnest($1::text[]) AS role
            CROSS JOIN unnest('{INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER,MAINTAIN}'::text[])
                AS right_
            CROSS JOIN pg_class
            WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)
                AND relkind IN ('r', 'p', 'v') AND has_table_privilege(role, pg_class.oid, right_)
            GROUP BY role, relname
            """,
            [APP, READONLY, WORKER],
        )
        columns = await superuser.fetch(
            """
            SELECT grantee::text AS role, table_name::text AS table, column_name::text AS name
            FROM information_schema.column_privileges
            WHERE table_schema IN ('app', 'audit') AND privilege_type = 'UPDATE'
                AND grantee = ANY($1::text[])
            """,
            [APP, READONLY],
        )
        granted: dict[tuple[str, str], set[str]] = {}
        for row in columns:
            granted.setdefault((row["role"], row["table"]), set()).add(row["name"])

        assert {(row["role"], row["table"]): row["rights"] for row in rows} == WRITES
        assert granted == COLUMN_GRANTS

    async def test_nothing_is_open_to_everybody(self, superuser: Superuser) -> None:
        """PUBLIC may use no schema, table, column, sequence, type or function, nor connect."""
        rows = await superuser.fetch(
            """
            WITH acls AS (
                SELECT datname AS name, coalesce(datacl, acldefault('d', datdba)) AS acl
                FROM pg_database WHERE datname = current_database()
                UNION ALL
                SELECT nspname, coalesce(nspacl, acldefault('n', nspowner))
                FROM pg_namespace WHERE nspname IN ('app', 'audit', 'q')
                UNION ALL
                SELECT relname, coalesce(relacl, acldefault(
                    CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
                FROM pg_class WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)
                    AND relkind IN ('r', 'p', 'v', 'S')
                UNION ALL
                SELECT attname, attacl FROM pg_attribute INNER JOIN pg_class ON attrelid = oid
                WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)
                UNION ALL
                SELECT typname, coalesce(typacl, acldefault('T', typowner)) FROM pg_type
                INNER JOIN pg_class ON pg_class.oid = typrelid AND relkind = 'c'
                WHERE typnamespace IN ('app'::regnamespace, 'audit'::regnamespace)
                UNION ALL
                SELECT proname, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc
                WHERE pronamespace IN
                    ('app'::regnamespace, 'audit'::regnamespace, 'q'::regnamespace)
            )
            SELECT name::text FROM acls CROSS JOIN LATERAL aclexplode(acl) AS granted
            WHERE granted.grantee = 0
            """
        )

        assert set() == named(rows)

    async def test_no_role_is_above_row_security(self, superuser: Superuser) -> None:
        """No role of ours is a superuser or bypasses row security; none that serves is a member."""
        rows = await superuser.fetch(
            "SELECT rolname::text AS name, rolsuper OR rolbypassrls AS above, rolcreaterole,"
            " ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = pg_roles.oid"
            " AND inherit_option) AS inherited,"
            " ARRAY(SELECT roleid::regrole::text FROM pg_auth_members"
            " WHERE member = pg_roles.oid) AS member"
            " FROM pg_roles WHERE rolname LIKE 'plant\\_%'"
        )

        assert {*USERS.values(), "plant_writer", "plant_auth", "plant_rules", "plant_audit"} - {
            "postgres"
        } <= named(rows)
        assert set() == named([row for row in rows if row["above"]])
        assert {OWNER} == named([row for row in rows if row["rolcreaterole"]])
        assert {OWNER} >= named([row for row in rows if row["member"]])
        assert [] == [row["inherited"] for row in rows if row["inherited"]]


class TestFunctions:
    """Every function of app, audit and q."""

    async def test_definers_are_known_and_pin_the_search_path(self, superuser: Superuser) -> None:
        """A function with its owner's rights is written down, and finds nothing of a caller's."""
        rows = [row for row in await superuser.fetch(FUNCTIONS) if row["definer"]]

        assert DEFINERS == {row["name"]: row["owner"] for row in rows}
        assert {True} == {"search_path=pg_catalog, pg_temp" in row["settings"] for row in rows}

    async def test_what_definers_call_is_pinned_too(self, superuser: Superuser) -> None:
        """A function that is text when it runs names its search path; others are parsed already."""
        rows = await superuser.fetch(FUNCTIONS)

        assert set() == {
            row["name"]
            for row in rows
            if not row["name"].startswith("q.")
            and not row["parsed"]
            and "search_path=pg_catalog, pg_temp" not in row["settings"]
        }

    async def test_the_service_may_call_what_is_written_down(self, superuser: Superuser) -> None:
        """plant_app calls statements and their functions, plant_worker one; no parts beneath."""
        rows = await superuser.fetch(FUNCTIONS)
        app = {row["name"] for row in rows if row["app"] and not row["name"].startswith("q.")}
        others = {
            row["name"] for row in rows if (row["worker"] or row["readonly"]) and row["definer"]
        }

        assert CALLABLE == app
        assert {"app.write_labels"} == others

    async def test_no_function_raises_without_a_code(self, superuser: Superuser) -> None:
        """RAISE EXCEPTION names an SQLSTATE, ours of class PL, with a message for clients."""
        codes = set()
        for row in await superuser.fetch(FUNCTIONS):
            for raised in re.findall(r"RAISE EXCEPTION.*?;\n", row["source"], re.DOTALL):
                # An error that goes on, with its place; what is to be tried again as a whole.
                if "ERRCODE = v_state" in raised or "ERRCODE = '40001'" in raised:
                    continue
                found = re.search(r"ERRCODE = '(PL\d{3})'", raised)
                assert found, (row["name"], raised)
                codes.add(found[1])

        assert {f"PL{number:03}" for number in (*range(1, 14), *range(18, 25))} == codes

    async def test_triggers_stand_and_fire_always(self, superuser: Superuser) -> None:
        """Guard before log, both before the row is written; none can be passed by as a replica."""
        rows = await superuser.fetch(
            """
            SELECT tgrelid::regclass::text AS table, tgenabled::text AS enabled,
                concat_ws(' ', tgname,
                    CASE WHEN tgtype & 2 > 0 THEN 'BEFORE' ELSE 'AFTER' END,
                    CASE WHEN tgtype & 4 > 0 THEN 'INSERT' END,
                    CASE WHEN tgtype & 16 > 0 THEN 'UPDATE' END,
                    CASE WHEN tgtype & 8 > 0 THEN 'DELETE' END,
                    CASE WHEN tgtype & 32 > 0 THEN 'TRUNCATE' END,
                    CASE WHEN tgtype & 1 > 0 THEN 'ROW' ELSE 'STATEMENT' END,
                    tgfoid::regproc::text,
                    substring(pg_get_triggerdef(oid) FROM ' WHEN (.*) EXECUTE ')) AS trigger
            FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgrelid, tgname
            """
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row["table"].split(".")[-1].strip('"'), []).append(row["trigger"])

        assert found == TRIGGERS
        assert {"A"} == {row["enabled"] for row in rows}

    async def test_there_are_no_rules_and_no_event_triggers(self, superuser: Superuser) -> None:
        """No rewrite rule but those of views changes what a statement does."""
        assert 0 == await superuser.fetchval(
            "SELECT count(*) FROM pg_rewrite INNER JOIN pg_class ON pg_class.oid = ev_class"
            " WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)"
            " AND relkind <> 'v'"
        )


async def test_the_service_runs_read_committed(
    cluster: Server, database: str, settings: Settings, superuser: Superuser
) -> None:
    """Whatever the database's default is: checks must see what was committed meanwhile."""
    await superuser.execute(
        f"ALTER DATABASE {database} SET default_transaction_isolation TO 'serializable'"
    )
    pool = Pool(cluster.url("app", database), settings)
    await pool.open()
    try:
        async with pool.connection() as connection:
            found = await connection.fetchval("SELECT current_setting('transaction_isolation')")
    finally:
        await pool.close()
        await superuser.execute(f"ALTER DATABASE {database} RESET default_transaction_isolation")

    assert "read committed" == found
