-- Undoes 0035.tokens.
DROP FUNCTION app.authenticate_token(text, text, text, text[]);
ALTER TABLE app.api_key DROP COLUMN issuer;
