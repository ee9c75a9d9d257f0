-- Functions that nothing calls any more.
-- depends: 0047.sampled_vectors
--
-- app.document_matches stayed for the release before 0018, app.taken for a chunk of an import that
-- was under way while 0042 was applied. A chunk as old as that would fail here as a whole, and
-- whoever sent it sends it again.
-- squawk-ignore ban-drop-function
DROP FUNCTION app.document_matches(text, text, jsonb);
-- squawk-ignore ban-drop-function
DROP FUNCTION app.taken(text, uuid, text, text, text, text, text);
