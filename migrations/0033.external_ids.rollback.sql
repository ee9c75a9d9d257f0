-- Undoes 0033.external_ids.
DROP FUNCTION app.put_once(text, text, text, boolean, jsonb, jsonb);
REVOKE EXECUTE ON FUNCTION
app.differs(jsonb, jsonb), app.lock_parents(jsonb[]),
app.import_amend(text, uuid[], jsonb[], text)
FROM plant_app;
