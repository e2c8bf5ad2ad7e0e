"""The record: nothing leaves the door before it is on disk.

`event` builds what is recorded, `frames` and `wal` keep it, `recorder` is what the pipeline waits for, `shipper` copies
it to PostgreSQL.
"""
