"""The record: nothing leaves the door before it is on disk.

`event` builds what is recorded, as `canonical` bytes; `frames` and `wal` keep it; `recorder` is what the pipeline waits
for; `shipper` copies it to PostgreSQL, and `roll` tells which doors have records that it has not got.
"""
