-- Undoes 0031.label_partitions. Partitions that were made stay, and are served as before.
DROP FUNCTION app.attach_label_partition(uuid);
DROP FUNCTION app.index_label_partition(uuid);
DROP FUNCTION app.begin_label_partition(uuid);
DROP FUNCTION app.has_label_partition(uuid);
DROP FUNCTION app.label_partition(uuid);
