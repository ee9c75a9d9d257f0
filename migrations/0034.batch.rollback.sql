-- Undoes 0034.batch.
DROP FUNCTION app.batch_once(jsonb, jsonb);
DROP FUNCTION app.batch_with(app.batch_answer, app.answer);
DROP FUNCTION app.batch_do(jsonb);
DROP FUNCTION app.batch_lock(jsonb);
DROP FUNCTION app.batch_placed(jsonb, text[], uuid[]);
DROP TYPE app.batch_answer;
