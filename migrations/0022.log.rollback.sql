-- Undoes 0022.log: positions, tiles, checkpoints and what witnesses signed are lost.
DROP TABLE audit.incarnation;
DROP TABLE audit.cosignature;
DROP TABLE audit.checkpoint;
DROP TABLE audit.tile;
DROP TABLE audit.position;
DROP FUNCTION audit.tile_growth();
