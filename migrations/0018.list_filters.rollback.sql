-- Undoes 0018.list_filters: lists ask the document again.

DROP FUNCTION app.matching_entity(uuid, jsonb);
DROP FUNCTION app.name_ranges(text[]);
