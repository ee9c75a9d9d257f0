-- Undoes 0035.tokens.
-- Nobody has the keys to these rows: they would be listed as keys that work.
UPDATE app.api_key SET revoked_at = now()
WHERE issuer IS NOT NULL AND revoked_at IS NULL;
DROP FUNCTION app.authenticate_token(text, text, text, text[]);
ALTER TABLE app.api_key DROP COLUMN issuer;
