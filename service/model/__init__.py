"""What clients send and read: shapes, text rules, entity tags, cursors, queries.

Pure: no input or output, no clock, no framework.
"""
