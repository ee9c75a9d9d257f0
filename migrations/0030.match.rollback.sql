-- Undoes 0030.match.
DROP FUNCTION app.match_score(double precision, double precision);
DROP FUNCTION app.skills_needed();
DROP FUNCTION app.job_roles_in_force();
DROP FUNCTION app.relation_weight(text);
DROP FUNCTION app.skill_weight(bigint, bigint);
DROP FUNCTION app.skill_labels_near(public.vector, public.vector, text[], bigint);
DROP FUNCTION app.label_similarity(
    text, public.vector, public.vector, text[], public.vector, public.vector, double precision
);
DROP FUNCTION app.skill_in_force(uuid);
