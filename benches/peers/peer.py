"""One measurement of DuckDB or ClickHouse (chdb), told as a line of JSON.

peer.py duckdb|clickhouse ingest LOGS FOLDER   gzip objects to one zstd Parquet file, all fields kept
peer.py duckdb|clickhouse query LAKE QUERIES   the queries of a JSON file over the lake's own Parquet
"""

import json
import os
import resource
import sys
import tempfile
import time

import pyarrow.ipc

TEXT = """eventVersion eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode
errorMessage requestID eventID eventType apiVersion recipientAccountId sharedEventID vpcEndpointId
vpcEndpointAccountId eventCategory""".split()
# Kept as JSON text, as the lake keeps free-form fields.
JSON_TEXT = """userIdentity requestParameters responseElements additionalEventData
serviceEventDetails resources tlsDetails insightDetails edgeDeviceDetails eventContext addendum""".split()
FLAGS = "readOnly managementEvent sessionCredentialFromConsole".split()


class DuckDB:
    def __init__(self):
        import duckdb

        self.connection = duckdb.connect()

    def ingest(self, logs, target):
        fields = ", ".join(
            [f"{name} VARCHAR" for name in TEXT]
            + [f"{name} JSON" for name in JSON_TEXT]
            + [f"{name} BOOLEAN" for name in FLAGS]
        )
        self.connection.execute(
            f"""COPY (
                SELECT unnest(Records, max_depth := 2)
                FROM read_json('{logs}/**/*.json.gz', format = 'unstructured',
                               columns = {{'Records': 'STRUCT({fields})[]'}},
                               maximum_object_size = 1073741824)
            ) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"""
        )

    def open(self, files):
        names = ", ".join(f"'{name}'" for name in files)
        self.connection.execute(
            f"CREATE VIEW events AS SELECT * FROM read_parquet([{names}], hive_partitioning = true)"
        )

    def run(self, sql):
        return self.connection.execute(sql).to_arrow_table().num_rows


class ClickHouse:
    def __init__(self):
        from chdb.session import Session

        self.session = Session()

    def ingest(self, logs, target):
        fields = ", ".join(
            [f"JSONExtractString(record, '{name}') AS {name}" for name in TEXT]
            + [f"JSONExtractRaw(record, '{name}') AS {name}" for name in JSON_TEXT]
            + [f"JSONExtractBool(record, '{name}') AS {name}" for name in FLAGS]
        )
        self.session.query(
            f"""INSERT INTO FUNCTION file('{target}', 'Parquet')
                SELECT {fields} FROM (
                    SELECT arrayJoin(JSONExtractArrayRaw(json, 'Records')) AS record
                    FROM file('{logs}/**/*.json.gz', 'JSONAsString')
                ) SETTINGS output_format_parquet_compression_method = 'zstd',
                           engine_file_truncate_on_insert = 1"""
        )

    def open(self, files):
        # A pattern of names is slow with it, a folder of what is active is not.
        self.folder = tempfile.TemporaryDirectory(dir=os.path.commonpath(files))
        for name in files:
            day = os.path.join(self.folder.name, os.path.basename(os.path.dirname(name)))
            os.makedirs(day, exist_ok=True)
            os.link(name, os.path.join(day, os.path.basename(name)))
        self.session.query("CREATE DATABASE IF NOT EXISTS lake ENGINE = Memory")
        self.session.query(
            f"CREATE VIEW lake.events AS SELECT * FROM file('{self.folder.name}/*/*.parquet')"
        )
        self.session.query("USE lake")

    def run(self, sql):
        answer = self.session.query(sql, "ArrowStream").bytes()
        return pyarrow.ipc.open_stream(answer).read_all().num_rows if answer else 0


def ingest(peer, logs, folder):
    target = os.path.join(folder, f"{type(peer).__name__}.parquet")
    started = time.monotonic()
    peer.ingest(logs, target)
    return {"seconds": time.monotonic() - started, "bytes": os.path.getsize(target)}


def query(peer, lake, queries):
    from deltalake import DeltaTable

    root = os.path.join(lake, "events")
    files = [uri.removeprefix("file://") for uri in DeltaTable(root).file_uris()]
    files.sort()
    started = time.monotonic()
    peer.open(files)
    opened = time.monotonic() - started
    answers = []
    for sql in json.load(open(queries)):
        runs = []
        for _ in range(3):
            started = time.monotonic()
            rows = peer.run(sql)
            runs.append(time.monotonic() - started)
        answers.append({"seconds": sorted(runs)[1], "rows": rows})
    return {"open_seconds": opened, "answers": answers}


def main():
    name, task, *arguments = sys.argv[1:]
    peer = {"duckdb": DuckDB, "clickhouse": ClickHouse}[name]()
    told = {"ingest": ingest, "query": query}[task](peer, *arguments)
    told["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(told))


main()
