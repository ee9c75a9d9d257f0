-- Undoes 0029.search.
ALTER TABLE app.tenant DROP COLUMN similar_min;
DROP FUNCTION app.label_likeness(
    text, public.vector, public.vector, text[], public.vector, public.vector
);
DROP FUNCTION app.search_candidates(text[], text[], text[], text[], uuid[]);
DROP FUNCTION app.search_admits(uuid, text[], text[], text[], text[], uuid[]);
