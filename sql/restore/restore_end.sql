-- name: restore_end :one
-- Ask what only the whole of a restored tenant can tell: that nothing refers to what is not
-- there, and that parents form no cycle.
--
-- returns: entities bigint
-- raises: conflict, reference-not-found, parent-cycle, scope-missing, unauthenticated
-- isolation: read committed
-- call: function
-- role: app
SELECT app.restore_end() AS entities;
