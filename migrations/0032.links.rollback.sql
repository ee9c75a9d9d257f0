-- Undoes 0032.links.
DROP FUNCTION app.link_once(text, uuid, text, text, uuid, jsonb, jsonb);
DROP FUNCTION app.require_etag(text, text);
DROP FUNCTION app.lock_teams(jsonb[]);
DROP FUNCTION app.link_of(jsonb, text, uuid);
DROP FUNCTION app.linked_patch(jsonb, text, uuid, jsonb);
