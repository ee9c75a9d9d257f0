-- Undoes 0036.entity_likeness.
DROP FUNCTION app.entity_likeness(
    uuid, text[], text[], public.vector[], public.vector[], double precision, double precision
);
