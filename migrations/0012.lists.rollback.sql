DROP FUNCTION app.document_matches(text, text, jsonb);
DROP FUNCTION app.prefix_end(text);
DROP FUNCTION app.name_key(text);
