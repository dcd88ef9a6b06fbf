"""Prints what the tables of a lake hold, read with the deltalake package."""

import json
import os
import sys

import deltalake


def rows(table, columns):
    # One column may be the partition; the reader adds it from the log.
    return deltalake.DeltaTable(os.path.join(sys.argv[1], table)).to_pyarrow_table(columns=columns).to_pylist()


objects = rows("objects", ["object_id", "bucket", "key", "events"])
names = {row["object_id"]: (row["bucket"], row["key"]) for row in objects}
events = [
    {
        "event_id": row["event_id"],
        "bucket": names.get(row["source_object_id"], (None, None))[0],
        "key": names.get(row["source_object_id"], (None, None))[1],
        "source_row": row["source_row"],
    }
    for row in rows("events", ["event_id", "source_object_id", "source_row"])
]
quarantine = rows("quarantine", ["reason", "bucket", "key", "record_index"])
print(json.dumps({"events": events, "objects": objects, "quarantine": quarantine}), flush=True)
# The reader's threads may abort the interpreter on its way out.
os._exit(0)
