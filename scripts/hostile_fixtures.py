"""Makes the inputs of fixtures/hostile and the table in docs/hostile-input.md.

  hostile_fixtures.py --write               writes the files that are kept, and the table
  hostile_fixtures.py --check               fails where one of them is not what would be written
  hostile_fixtures.py --generate FOLDER     writes the large inputs, which are not kept

What is expected of each input stands in fixtures/hostile/cases.toml; this program only makes the
bytes. They are the same on every machine: what is kept is compressed by nobody's library.
"""

import argparse
import base64
import json
import struct
import sys
import tomllib
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "fixtures/hostile"
DOCUMENT = ROOT / "docs/hostile-input.md"
KINDS = ["object", "message", "key"]
MEBIBYTE = 1024 * 1024

OBJECTS, MESSAGES, KEYS, LARGE = {}, {}, {}, {}


# Building blocks


def event(name, **changes):
    """One event as CloudTrail writes it; the name makes it unique."""
    record = {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "accountId": "111122223333", "userName": "alice"},
        "eventTime": "2026-06-01T10:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "ListBuckets",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.10",
        "eventID": name,
        "readOnly": True,
        "recipientAccountId": "111122223333",
    }
    record.update(changes)
    return record


def text(value):
    return json.dumps(value, separators=(",", ":")).encode()


def joined(*records):
    """A log object of records that are bytes, broken or not."""
    return b'{"Records":[' + b",".join(records) + b"]}"


def around(name, bad):
    """A record between two good ones."""
    return joined(text(event(f"{name}-before")), bad, text(event(f"{name}-after")))


def stored(data):
    """A deflate stream of stored blocks."""
    blocks = [data[at : at + 0xFFFF] for at in range(0, len(data), 0xFFFF)] or [b""]
    stream = b""
    for index, block in enumerate(blocks):
        is_last = index == len(blocks) - 1
        stream += struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF) + block
    return stream


def header(flags=0, method=8):
    return bytes([0x1F, 0x8B, method, flags]) + bytes(4) + b"\x00\xff"


def trailer(data, checksum=0, length=0):
    return struct.pack("<II", zlib.crc32(data) ^ checksum, (len(data) + length) & 0xFFFFFFFF)


def gzip(data, head=None, checksum=0, length=0):
    return (head or header()) + stored(data) + trailer(data, checksum, length)


def squeezed(data):
    """Really compressed: only for what is not kept."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return header() + packer.compress(data) + packer.flush() + trailer(data)


def good(name, count=2):
    return joined(*[text(event(f"{name}-{index}")) for index in range(count)])


def nested(name, depth):
    """A record that nests so deep."""
    inner = b"[" * (depth - 1) + b"]" * (depth - 1)
    return text(event(name))[:-1] + b',"requestParameters":' + inner + b"}"


def with_member(name, member):
    return text(event(name))[:-1] + b"," + member + b"}"


# Objects: nothing, cut, damaged


def cuts():
    whole = gzip(good("cut"))
    OBJECTS["cut-in-magic"] = whole[:1]
    OBJECTS["cut-after-magic"] = whole[:2]
    OBJECTS["cut-in-header"] = whole[:7]
    OBJECTS["cut-after-header"] = whole[:10]
    OBJECTS["cut-in-extra-field"] = header(flags=4) + b"\xff\xffextra"
    OBJECTS["cut-in-file-name"] = header(flags=8) + b"name without an end"
    OBJECTS["cut-in-block-header"] = whole[:12]
    OBJECTS["cut-in-deflate"] = whole[: len(whole) // 2]
    OBJECTS["cut-before-trailer"] = whole[:-8]
    OBJECTS["cut-in-checksum"] = whole[:-6]
    OBJECTS["cut-in-length"] = whole[:-1]
    OBJECTS["cut-in-second-member"] = gzip(good("cut-second")) + whole[:60]
    for name, end in [("wrapper", 9), ("record", 100), ("string", 30), ("number", None)]:
        plain = b'{"Records":[{"eventID":"cut-number","n":12' if end is None else good("cut-json")[:end]
        OBJECTS[f"cut-json-in-{name}"] = gzip(plain)
    OBJECTS["cut-json-before-last-bracket"] = good("cut-last")[:-1]
    OBJECTS["cut-json-in-escape"] = b'{"Records":[{"eventID":"\\'


def damage():
    data = good("damage")
    whole = gzip(data)
    OBJECTS["wrong-checksum"] = gzip(data, checksum=1)
    OBJECTS["wrong-length"] = gzip(data, length=1)
    OBJECTS["wrong-method"] = gzip(data, head=header(method=7))
    OBJECTS["wrong-block-type"] = header() + b"\x07" + trailer(b"")
    OBJECTS["wrong-block-length"] = header() + b"\x01\x05\x00\x00\x00hello" + trailer(b"hello")
    OBJECTS["wrong-distance"] = header() + b"\x4b\x04\x12\x00\xff\xff" + trailer(data)
    OBJECTS["wrong-header-checksum"] = gzip(data, head=header(flags=2) + b"\x00\x00")
    OBJECTS["trailing-garbage"] = whole + b"garbage"
    OBJECTS["trailing-zeros-then-garbage"] = whole + bytes(20) + b"x"
    OBJECTS["trailing-zeros"] = gzip(good("zeros")) + bytes(1000)
    OBJECTS["damaged-second-member"] = whole + gzip(good("second"), checksum=0xFF)
    flipped = bytearray(gzip(good("flipped")))
    flipped[200] ^= 0x20
    OBJECTS["flipped-bit"] = bytes(flipped)


def members():
    OBJECTS["two-members"] = gzip(good("first")) + gzip(good("second-good"))
    data = good("split", 4)
    OBJECTS["record-across-members"] = gzip(data[:300]) + gzip(data[300:])
    many = good("many", 2)
    OBJECTS["member-for-each-byte"] = b"".join(gzip(many[at : at + 1]) for at in range(len(many)))
    OBJECTS["empty-members-between"] = gzip(b"") * 3 + gzip(good("between")) + gzip(b"") * 3
    OBJECTS["empty-members-only"] = gzip(b"") * 5
    head = header(flags=0b11100) + b"\x04\x00abcd" + b"name.json\x00" + b"comment\x00"
    OBJECTS["all-header-fields"] = gzip(good("fields"), head=head)


def nothing():
    OBJECTS["empty"] = b""
    OBJECTS["blank"] = b" \r\n\t \n"
    OBJECTS["only-mark"] = b"\xef\xbb\xbf"
    OBJECTS["empty-gzip"] = gzip(b"")
    OBJECTS["zeros"] = bytes(4096)


# Objects: not what the name says


def formats():
    OBJECTS["zstd"] = b"\x28\xb5\x2f\xfd\x24\x00\x01\x00\x00\x99\xe9\xd8\x51"
    OBJECTS["bzip2"] = b"BZh9\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00"
    OBJECTS["xz"] = b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46"
    OBJECTS["zip"] = b"PK\x03\x04\x14\x00\x00\x00\x08\x00"
    OBJECTS["parquet"] = b"PAR1\x15\x04\x15\x10PAR1"
    OBJECTS["zlib"] = b"\x78\x01" + stored(good("zlib"))
    OBJECTS["gzip-in-gzip"] = gzip(gzip(good("inner")))
    OBJECTS["plain-named-gz"] = good("plain")
    OBJECTS["html"] = b"<!DOCTYPE html><html><body>Access Denied</body></html>"
    OBJECTS["xml-error"] = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'
    OBJECTS["flow-log"] = b"version account-id interface-id srcaddr\n2 111122223333 eni-1 192.0.2.1\n"
    OBJECTS["csv"] = b'eventName,eventID\n"ListBuckets","csv-1"\n'
    OBJECTS["yaml"] = b"Records:\n  - eventID: yaml-1\n"
    OBJECTS["config-history"] = text({"fileVersion": "1.0", "configurationItems": [{"a": 1}]})
    OBJECTS["s3-notice"] = text({"Records": [{"eventSource": "aws:s3", "eventName": "x", "s3": {}}]})
    OBJECTS["base64-of-nothing"] = b"H4sI!!!!"
    OBJECTS["base64-of-cut-gzip"] = base64.b64encode(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00cut")


def encodings():
    document = good("utf16").decode()
    OBJECTS["utf-16-little-endian"] = document.encode("utf-16-le")
    OBJECTS["utf-16-big-endian"] = document.encode("utf-16-be")
    OBJECTS["utf-16-with-mark"] = b"\xff\xfe" + document.encode("utf-16-le")
    OBJECTS["utf-32"] = document.encode("utf-32")
    OBJECTS["utf-8-mark"] = b"\xef\xbb\xbf" + good("mark")
    OBJECTS["utf-8-mark-in-gzip"] = gzip(b"\xef\xbb\xbf" + good("mark-gzip"))
    OBJECTS["two-marks"] = b"\xef\xbb\xbf" * 2 + good("marks")
    for name, bad in [
        ("byte", b"\xff"),
        ("overlong", b"\xc0\xaf"),
        ("surrogate-bytes", b"\xed\xa0\x80"),
        ("beyond-unicode", b"\xf4\x90\x80\x80"),
        ("cut-sequence", b"\xe2\x82"),
    ]:
        record = text(event(f"bad-{name}", userAgent="@")).replace(b"@", bad)
        OBJECTS[f"bad-utf-8-{name}"] = around(f"bad-{name}", record)
    OBJECTS["bad-utf-8-in-name"] = around("bad-name", b'{"eventID":"x","a\xff":1}')
    OBJECTS["bad-utf-8-beside-records"] = b'{"x":"\xff",' + good("beside")[1:]
    for name, bad in [("high", "\\ud800"), ("low", "\\udc00x"), ("swapped", "\\udc00\\ud800")]:
        record = text(event(f"lone-{name}", userAgent="@")).replace(b"@", bad.encode())
        OBJECTS[f"lone-surrogate-{name}"] = around(f"lone-{name}", record)
    OBJECTS["surrogate-pair"] = joined(text(event("pair", userAgent="\U0001f600")))


# Objects: JSON


def syntax():
    for name, bad in {
        "nan": b'{"eventID":"nan","n":NaN}',
        "infinity": b'{"eventID":"infinity","n":-Infinity}',
        "leading-zero": b'{"eventID":"zero","n":01}',
        "plus-sign": b'{"eventID":"plus","n":+1}',
        "hexadecimal": b'{"eventID":"hex","n":0x10}',
        "no-digits": b'{"eventID":"dot","n":1.}',
        "comment": b'{"eventID":"comment"/* why */}',
        "single-quotes": b"{'eventID':'single'}",
        "bare-name": b'{eventID:"bare"}',
        "missing-colon": b'{"eventID" "colon"}',
        "comma-in-record": b'{"eventID":"comma",}',
        "raw-control": b'{"eventID":"a\tb"}',
        "raw-nul": b'{"eventID":"a\x00b"}',
        "bad-escape": b'{"eventID":"\\x41"}',
        "form-feed": b'{"eventID":\x0c"feed"}',
        "word": b'{"eventID":tru}',
        "two-for-one": b'{"a":1} {"b":2}',
    }.items():
        OBJECTS[f"syntax-{name}"] = around(name, bad)
    OBJECTS["comma-after-last"] = joined(text(event("comma-last")), b"")
    OBJECTS["empty-element"] = joined(text(event("element-1")), b"", text(event("element-2")))
    OBJECTS["garbage-after-document"] = good("after") + b" garbage"
    OBJECTS["zeros-after-document"] = good("nul-after") + bytes(64)


def shapes():
    OBJECTS["records-missing"] = b"{}"
    OBJECTS["records-null"] = b'{"Records":null}'
    OBJECTS["records-empty"] = b'{"Records":[]}'
    OBJECTS["records-object"] = text({"Records": event("object")})
    OBJECTS["records-text"] = text({"Records": good("text").decode()})
    OBJECTS["records-number"] = b'{"Records":7}'
    OBJECTS["records-twice"] = b'{"Records":[%s],"Records":[%s]}' % (text(event("twice-1")), text(event("twice-2")))
    OBJECTS["records-in-records"] = text({"Records": [{"Records": [event("in-1")]}, event("in-2")]})
    OBJECTS["records-of-others"] = joined(
        text(event("others")), b"null", b"7", b'"text"', b"true", b"[]", b'[{"eventID":"x"}]'
    )
    OBJECTS["record-without-members"] = joined(b"{}", text(event("members")))
    OBJECTS["event-with-records"] = text(event("with-records", Records=[event("within")]))
    OBJECTS["array-of-arrays"] = text([[event("arrays")]])
    OBJECTS["scalar"] = b'"text"'
    OBJECTS["number"] = b"1234567890"
    OBJECTS["lines-one-broken"] = b"\n".join(
        [text(event("lines-1")), b'{"eventID":tru}', b"", text(event("lines-2")), b""]
    )
    OBJECTS["lines-last-cut"] = text(event("last-1")) + b'\n{"eventID":"last-2'
    OBJECTS["lines-with-returns"] = text(event("returns-1")) + b"\r\n\r\n" + text(event("returns-2")) + b"\r\n"
    OBJECTS["documents-joined"] = good("joined-1", 1) + good("joined-2", 1)
    OBJECTS["bus-detail-is-text"] = text({"detail-type": "AWS API Call via CloudTrail", "detail": "none"})
    logs = [{"id": "1", "message": text(event("logs")).decode()}, {"id": "2", "message": 7}, {"id": "3"}]
    OBJECTS["log-message-is-number"] = text({"messageType": "DATA_MESSAGE", "logEvents": logs})
    logs = [{"message": text(event("log-good")).decode()}, {"message": '{"eventID":'}, {"message": "START"}]
    OBJECTS["log-message-broken"] = base64.b64encode(gzip(text({"logEvents": logs})))
    OBJECTS["digest"] = text({"digestS3Object": "k", "digestStartTime": "x", "logFiles": []})


def values():
    odd = [None, True, 0, -1.5, "", "text", [], ["a"], {}, {"a": {"b": 1}}]
    names = [
        *["eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion"],
        *["sourceIPAddress", "userAgent", "errorCode", "errorMessage", "requestParameters"],
        *["responseElements", "additionalEventData", "requestID", "eventID", "readOnly", "resources"],
        *["eventType", "apiVersion", "managementEvent", "recipientAccountId", "sharedEventID"],
        *["vpcEndpointId", "eventCategory", "tlsDetails", "addendum", "insightDetails"],
    ]
    records = [{"eventID": "types"}]
    records += [event(f"types-{name}-{index}", **{name: value}) for name in names for index, value in enumerate(odd)]
    OBJECTS["wrong-types"] = joined(*[text(record) for record in records])
    inner = ["type", "accountId", "sessionContext", "onBehalfOf", "invokedByDelegate", "inScopeOf"]
    records = [event(f"id-{name}-{i}", userIdentity={name: value}) for name in inner for i, value in enumerate(odd)]
    OBJECTS["wrong-types-in-identity"] = joined(*[text(record) for record in records])
    OBJECTS["numbers"] = joined(
        *[
            with_member(f"numbers-{index}", b'"requestParameters":{"n":' + number + b"}")
            for index, number in enumerate(
                [b"1e400", b"-1e400", b"1e-400", b"-0", b"-0.0", b"9223372036854775808", b"1" * 400, b"0." + b"3" * 400]
                + [b"1E+2", b"123456789012345678901234567890.5", b"1e999999999"]
            )
        ]
    )
    OBJECTS["huge-number"] = joined(with_member("digits", b'"n":' + b"7" * 50_000))
    OBJECTS["repeated-members"] = joined(
        with_member("repeated", b",".join(b'"eventName":"Repeated%d"' % index for index in range(1000)))
    )
    OBJECTS["many-members"] = joined(with_member("members", b",".join(b'"m%d":%d' % (i, i) for i in range(5000))))
    OBJECTS["huge-member-name"] = joined(with_member("name", b'"' + b"n" * 50_000 + b'":1'))
    OBJECTS["escaped-nul"] = joined(text(event("nul", userAgent="a\0b", eventName="\0")))
    OBJECTS["terminal-escapes"] = joined(text(event("escapes", userAgent="\x1b]0;owned\x07\x1b[2J\u202e\u009b31m")))
    OBJECTS["paths-in-fields"] = joined(
        text(event("paths", awsRegion="../../etc", recipientAccountId="..\\..\\/x", eventName="$(id)`id`'; DROP TABLE events;--"))
    )
    OBJECTS["many-accounts"] = joined(
        *[text({"eventID": f"accounts-{i}", "recipientAccountId": f"{i:012}", "awsRegion": f"r{i}"}) for i in range(1500)]
    )


def nesting():
    OBJECTS["depth-at-limit"] = joined(nested("depth-at", 256))
    OBJECTS["depth-over-limit"] = around("depth-over", nested("over", 257))
    OBJECTS["depth-20000"] = around("depth-far", b'{"eventID":"far","a":' + b"[" * 20_000 + b"]" * 20_000 + b"}")
    OBJECTS["depth-of-objects"] = around("depth-objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000)
    OBJECTS["depth-never-closed"] = b"[" * 50_000
    OBJECTS["depth-only-closed"] = b"]" * 50_000
    OBJECTS["depth-of-wrappers"] = b'{"Records":[' * 2_000 + text(event("wrappers")) + b"]}" * 2_000


def times():
    odd = [
        *["0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "99999-01-01T00:00:00Z"],
        *["9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z", "2026-06-30T23:59:60Z", "2026-06-01T24:00:00Z"],
        *["2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-06-01T10:00:00+14:00", "2026-06-01T10:00:00-99:99"],
        *["2026-06-01", "20260601T100000Z", "2026-06-01 10:00:00", "1780308000", "", "yesterday", "\0"],
        *["2026-06-01T10:00:00." + "1" * 100 + "Z", "2026-06-01T10:00:00Z" + " " * 100],
        *["+262143-12-31T23:59:59Z", "292277026596-12-04T15:30:08Z", "2026-06-01T10:00:00z"],
        *[1780308000, 1780308000000, 1e300, True, None, {"seconds": 1}, ["2026-06-01T10:00:00Z"]],
    ]
    records = [event(f"times-{index}", eventTime=time) for index, time in enumerate(odd)]
    OBJECTS["odd-times"] = joined(*[text(record) for record in records])
    years = [f"{year:04}-{month:02}-01T00:00:00Z" for year in range(1, 10_000, 13) for month in (1, 7)]
    records = [{"eventID": f"years-{index}", "eventTime": time} for index, time in enumerate(years)]
    OBJECTS["day-for-each-record"] = joined(*[text(record) for record in records])


# Objects that are too large to be kept


def large():
    LARGE["bomb-by-ratio"] = lambda: squeezed(b" " * (256 * MEBIBYTE))
    LARGE["bomb-by-size"] = bomb_by_size
    LARGE["bomb-in-members"] = lambda: squeezed(b" " * MEBIBYTE) * 2_000
    LARGE["bomb-in-gzip"] = lambda: squeezed(squeezed(b" " * (256 * MEBIBYTE)))
    LARGE["bomb-in-base64"] = lambda: gzip(base64.b64encode(squeezed(b" " * (256 * MEBIBYTE))))
    LARGE["zeros-256-mib"] = lambda: squeezed(bytes(256 * MEBIBYTE))
    LARGE["record-at-limit"] = lambda: gzip(joined(sized("at-limit", 8 * MEBIBYTE)))
    LARGE["record-over-limit"] = lambda: gzip(around("over-limit", sized("over", 8 * MEBIBYTE + 1)))
    LARGE["string-over-limit"] = lambda: gzip(b'{"Records":[{"eventID":"' + b"x" * (20 * MEBIBYTE) + b'"}]}')
    LARGE["million-records"] = lambda: squeezed(joined(*[b'{"eventID":"%d"}' % index for index in range(1_000_000)]))
    LARGE["million-bad-records"] = lambda: squeezed(joined(text(event("of-bad")), *[b"7"] * 1_000_000))
    LARGE["million-repeats"] = lambda: joined(*[b'{"eventID":"one"}'] * 1_000_000)
    LARGE["million-lines"] = lambda: squeezed(b'{"eventID":""}\n' * 1_000_000)
    LARGE["days-of-ten-years"] = days_of_ten_years


def sized(name, size):
    empty = text(event(name, userAgent=""))
    return text(event(name, userAgent="a" * (size - len(empty))))


def bomb_by_size():
    """More than a decoder may hold, at a ratio that nobody finds suspicious."""
    state, noise = 1, bytearray()
    for _ in range(MEBIBYTE // 64):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        noise += state.to_bytes(8, "little")[4:5] + b" " * 63
    chunk = bytes(noise)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(chunk) + packer.flush(zlib.Z_FULL_FLUSH)
    count, checksum = 300, 0
    for _ in range(count):
        checksum = zlib.crc32(chunk, checksum)
    end = b"\x03\x00" + struct.pack("<II", checksum, count * len(chunk) & 0xFFFFFFFF)
    return header() + piece * count + end


def days_of_ten_years():
    """A partition for each day that may have one, all of them in one object."""
    records = []
    for index in range(120):
        year, month = 2017 + index // 12, 1 + index % 12
        for day in range(1, 29):
            time = f"{year}-{month:02}-{day:02}T00:00:00Z"
            records.append(text({"eventID": f"days-{len(records)}", "eventTime": time}))
    return gzip(joined(*records))


# Messages

BUCKET, KEY = "example-trail", "hostile/named.json"


def s3_record(**changes):
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "awsRegion": "us-east-1",
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": KEY, "size": 9}},
    }
    record.update(changes)
    return record


def topic(message, **changes):
    return {"Type": "Notification", "Message": message, **changes}


def s3_part(bucket, key):
    return {"bucket": bucket, "object": key}


def broken_bodies():
    notice = text({"Records": [s3_record()]})
    MESSAGES["one-object"] = notice
    MESSAGES["empty"] = b""
    MESSAGES["blank"] = b"  \n "
    MESSAGES["mark"] = b"\xef\xbb\xbf" + notice
    MESSAGES["not-utf-8"] = notice.replace(b"named", b"na\xffmed")
    MESSAGES["utf-16"] = notice.decode().encode("utf-16")
    MESSAGES["cut"] = notice[: len(notice) // 2]
    MESSAGES["cut-last"] = notice[:-1]
    MESSAGES["garbage-after"] = notice + b"}"
    MESSAGES["two-documents"] = notice + notice
    MESSAGES["plain-text"] = b"please read s3://example-trail/hostile/named.json"
    MESSAGES["xml"] = b"<Message>ObjectCreated</Message>"
    MESSAGES["base64"] = base64.b64encode(notice)
    for name, body in {"null": b"null", "number": b"7", "text": b'"x"', "array": b"[]", "object": b"{}"}.items():
        MESSAGES[f"json-{name}"] = body
    MESSAGES["array-of-records"] = text([s3_record()])
    MESSAGES["deep"] = b"[" * 10_000 + b"]" * 10_000
    MESSAGES["deep-in-record"] = text({"Records": [s3_record(x=0)]}).replace(b'"x":0', b'"x":' + b"[" * 500 + b"]" * 500)
    MESSAGES["padded"] = text({"Records": [s3_record(padding="x" * (64 * 1024))]})
    MESSAGES["lone-surrogate"] = notice.replace(b"named", b"\\ud800")
    MESSAGES["number-beyond"] = notice.replace(b'"size":9', b'"size":1e400')


def broken_records():
    def records(*items):
        return text({"Records": list(items)})

    MESSAGES["records-empty"] = records()
    for name, value in {"null": None, "object": {"s3": {}}, "text": "x", "number": 1}.items():
        MESSAGES[f"records-{name}"] = text({"Records": value})
    for name, value in {"null": None, "number": 1, "text": "x", "array": [], "empty": {}}.items():
        MESSAGES[f"record-{name}"] = records(s3_record(), value)
    for name, value in {"null": None, "array": [], "text": "x", "number": 1, "empty": {}}.items():
        MESSAGES[f"s3-{name}"] = records(s3_record(s3=value))
    MESSAGES["bucket-missing"] = records(s3_record(s3={"object": {"key": KEY}}))
    MESSAGES["bucket-is-text"] = records(s3_record(s3=s3_part(BUCKET, {"key": KEY})))
    for name, value in {"null": None, "number": 1, "empty": "", "array": [BUCKET], "local": "file:", "stdin": "stdin:",
                        "slash": "a/b", "traversal": "../x", "control": "a\nb", "unicode": "b\u00fccket", "long": "b" * 256}.items():
        MESSAGES[f"bucket-name-{name}"] = records(s3_record(s3=s3_part({"name": value}, {"key": KEY})))
    for name, value in {"null": None, "number": 1, "empty": "", "array": [KEY], "object": {}}.items():
        MESSAGES[f"key-{name}"] = records(s3_record(s3=s3_part({"name": BUCKET}, {"key": value})))
    MESSAGES["key-is-folder"] = records(s3_record(s3=s3_part({"name": BUCKET}, {"key": "hostile/", "size": 9})))
    for name, value in {"text": "9", "negative": -1, "fraction": 1.5, "huge": 2**80, "null": None}.items():
        MESSAGES[f"size-{name}"] = records(s3_record(s3=s3_part({"name": BUCKET}, {"key": KEY, "size": value})))
    MESSAGES["size-zero"] = records(s3_record(s3=s3_part({"name": BUCKET}, {"key": KEY, "size": 0})))
    for name, value in {"missing": None, "number": 1, "array": []}.items():
        MESSAGES[f"event-name-{name}"] = records(s3_record(eventName=value))
    MESSAGES["event-name-long"] = records(s3_record(eventName="ObjectRemoved:" + "x" * 10_000))
    MESSAGES["event-name-case"] = records(s3_record(eventName="objectcreated:put"))
    MESSAGES["wrong-major-version"] = records(s3_record(eventVersion="9.0"))
    MESSAGES["version-is-object"] = records(s3_record(eventVersion={"major": 9}))
    MESSAGES["other-source"] = records(s3_record(eventSource=["minio:s3"]))
    MESSAGES["one-record-broken"] = records(s3_record(), s3_record(s3={}), s3_record())
    MESSAGES["record-twice"] = records(s3_record(), s3_record())
    MESSAGES["records-twice"] = text({"Records": [7]})[:-1] + b"," + records(s3_record())[1:]


def broken_wrappers():
    notice = text({"Records": [s3_record()]}).decode()
    wrapped = notice
    for layer in range(1, 6):
        wrapped = text(topic(wrapped)).decode()
        if layer in (1, 3, 4, 5):
            MESSAGES[f"topic-{layer}-deep"] = wrapped.encode()
    MESSAGES["body-in-body"] = text({"Records": [{"body": text({"Records": [{"body": notice}]}).decode()}]})
    MESSAGES["body-in-itself"] = text({"Records": [{"body": "{\"Records\":[{\"body\":\"{}\"}]}"}]})
    MESSAGES["topic-message-object"] = text(topic({"Records": [s3_record()]}))
    MESSAGES["topic-message-missing"] = text({"Type": "Notification"})
    MESSAGES["topic-message-empty"] = text(topic(""))
    MESSAGES["topic-message-text"] = text(topic("disk is full"))
    MESSAGES["topic-message-cut"] = text(topic(notice[:50]))
    MESSAGES["topic-type-unknown"] = text(topic(notice, Type="Gossip"))
    MESSAGES["topic-type-number"] = text(topic(notice, Type=1))
    MESSAGES["subscription-to-elsewhere"] = text(topic("x", Type="SubscriptionConfirmation", SubscribeURL="http://192.0.2.1/"))
    MESSAGES["validation"] = b"CloudTrail validation message."
    MESSAGES["validation-in-topic"] = text(topic("CloudTrail validation message."))
    MESSAGES["test-event"] = text({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET})
    MESSAGES["test-event-misspelt"] = text({"Service": "Amazon S3", "Event": "s3:testevent"})


def broken_other_notices():
    bus = {"source": "aws.s3", "detail-type": "Object Created", "region": "us-east-1"}
    detail = {"bucket": {"name": BUCKET}, "object": {"key": KEY, "size": 9}}
    MESSAGES["bus-one-object"] = text({**bus, "detail": detail})
    for name, value in {"null": None, "array": [], "text": "x", "empty": {}}.items():
        MESSAGES[f"bus-detail-{name}"] = text({**bus, "detail": value})
    MESSAGES["bus-other-source"] = text({**bus, "source": "aws.ec2", "detail": detail})
    MESSAGES["bus-other-type"] = text({**bus, "detail-type": "Bucket Created", "detail": detail})
    MESSAGES["bus-deleted"] = text({**bus, "detail-type": "Object Deleted", "detail": detail})
    MESSAGES["bus-array"] = text([{**bus, "detail": detail}])
    trail = {"s3Bucket": BUCKET, "s3ObjectKey": [KEY]}
    MESSAGES["trail-one-object"] = text(trail)
    for name, value in {"missing": None, "text": KEY, "number": 1, "object": {}}.items():
        MESSAGES[f"trail-keys-{name}"] = text({**trail, "s3ObjectKey": value})
    MESSAGES["trail-keys-empty"] = text({**trail, "s3ObjectKey": []})
    MESSAGES["trail-key-null"] = text({**trail, "s3ObjectKey": [KEY, None]})
    MESSAGES["trail-bucket-local"] = text({**trail, "s3Bucket": "file:"})
    MESSAGES["trail-bucket-array"] = text({**trail, "s3Bucket": [BUCKET]})
    MESSAGES["trail-10001-keys"] = text({**trail, "s3ObjectKey": ["k"] * 10_001})


# Keys


def keys():
    name = "111122223333_CloudTrail_us-east-1_20260601T1000Z_AbCd.json.gz"
    folder = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/06/01"
    for case, key in {
        "spaces": "a folder/with  spaces .json",
        "plus": "a+b/c+d.json",
        "escaped-plus": "a%2Bb/c%252Bd.json",
        "percent": "100%/50%zz/%.json",
        "percent-of-bad-utf-8": "x%FF%C3.json",
        "unicode": "\u00e9\u65e5\u672c/\U0001f600.json",
        "not-normal": "e\u0301/\u00e9.json",
        "right-to-left": "\u202egnp.json",
        "newline": "a\nb\r\nc.json",
        "tab": "a\tb.json",
        "control": "a\x01b\x7f.json",
        "quotes": "\"double\"'single'`back`.json",
        "html": "<script>&amp;.json",
        "backslash": "a\\..\\b.json",
        "dots": "a/../../etc/passwd",
        "only-dots": "..",
        "leading-slash": "/etc/passwd",
        "double-slash": "a//b///c.json",
        "query": "a?versionId=x&b#c.json",
        "glob": "*?[a-z]{b}.json",
        "colon": "file:/etc/passwd",
        "url": "http://192.0.2.1/x.json",
        "bytes-1024": "k" * 1019 + ".json",
        "bytes-1024-unicode": "\u65e5" * 341 + "k",
        "digits": "1" * 200,
        "log": f"{folder}/{name}",
        "log-with-plus": f"a b+c/{folder}/{name}",
        "log-of-no-day": f"{folder}/{name.replace('20260601T1000Z', '20260631T2561Z')}",
        "log-of-far-day": f"{folder}/{name.replace('20260601', '99991231')}",
        "log-of-first-day": f"{folder}/{name.replace('20260601', '00010101')}",
        "log-account-short": f"{folder}/{name}".replace("111122223333", "1111"),
        "log-account-unicode": f"{folder}/{name}".replace("111122223333", "\u0661" * 12),
        "log-name-in-folder": f"{name}/x",
        "log-many-roots": "AWSLogs/" * 60 + f"{folder}/{name}"[8:],
        "log-many-underscores": "_" * 600 + name,
        "digest-that-is-a-log": f"{folder.replace('CloudTrail', 'CloudTrail-Digest')}/{name}",
        "folder-marker": f"{folder}/",
    }.items():
        KEYS[case] = key.encode()


def make_all():
    for make in [nothing, cuts, damage, members, formats, encodings, syntax, shapes, values, nesting, times, large,
                 broken_bodies, broken_records, broken_wrappers, broken_other_notices, keys]:
        make()
    return {"object": OBJECTS, "message": MESSAGES, "key": KEYS}


# The table


def read_cases(made):
    """The table of expectations, compared with what this program makes."""
    with open(FOLDER / "cases.toml", "rb") as file:
        table = tomllib.load(file)
    for kind in KINDS:
        named = [case["name"] for case in table[kind]]
        known = sorted([*made[kind], *(LARGE if kind == "object" else [])])
        if sorted(named) != known:
            odd = set(named).symmetric_difference(known)
            sys.exit(f"cases.toml and the program disagree about {kind} cases: {sorted(odd)}")
        contents = list(made[kind].values())
        if len(set(contents)) != len(contents):
            sys.exit(f"two {kind} cases have the same bytes")
    return table


def outcome(kind, case):
    if kind == "key":
        return f"`{case['kind']}`, ledger `{case['partition']}`"
    if kind == "message":
        if "unreadable" in case:
            return f"quarantined: {case['unreadable']}"
        return f"ignored: `{case['ignored']}`" if "ignored" in case else count(case["objects"], "object")
    if "quarantine" in case:
        return f"quarantined: `{case['quarantine']}`"
    if "skipped" in case:
        return f"skipped: `{case['skipped']}`"
    parts = [count(case["events"], "event")] if case.get("events") else []
    if "stored" in case:
        parts[0] += f" that are {case['stored']:,}"
    if case.get("rejects"):
        rejects = ", ".join(f"`{reason}`" for reason in sorted(set(case["rejects"])))
        parts.append(f"{count(case.get('reject_count', len(case['rejects'])), 'record')} quarantined: {rejects}")
    return "; ".join(parts) or "empty"


def count(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def document(table):
    lines = (FOLDER / "introduction.md").read_text().rstrip("\n").split("\n")
    for kind, title in zip(KINDS, ["Objects", "Queue messages", "Keys"]):
        has_exit = kind == "object"
        lines += ["", f"## {title}", "", f"{len(table[kind])} cases.", ""]
        lines.append("| case | what it is | outcome |" + (" exit |" if has_exit else ""))
        lines.append("| --- | --- | --- |" + (" --- |" if has_exit else ""))
        for case in table[kind]:
            row = f"| `{case['name']}` | {case['what']} | {outcome(kind, case)} |"
            lines.append(row + (f" {case.get('exit', 0)} |" if has_exit else ""))
    return ("\n".join(lines) + "\n").encode()


def kept_files(made, table):
    files = {FOLDER / f"{kind}s" / name: data for kind in KINDS for name, data in made[kind].items()}
    files[DOCUMENT] = document(table)
    return files


def write(files):
    for kind in KINDS:
        folder = FOLDER / f"{kind}s"
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            if path not in files:
                path.unlink()
    for path, data in files.items():
        path.write_bytes(data)


def check(files):
    wrong = [path for path, data in files.items() if not path.is_file() or path.read_bytes() != data]
    wrong += [path for kind in KINDS for path in (FOLDER / f"{kind}s").iterdir() if path not in files]
    if wrong:
        names = "\n  ".join(str(path.relative_to(ROOT)) for path in wrong)
        sys.exit(f"not what scripts/hostile_fixtures.py --write makes:\n  {names}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--generate", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    made = make_all()
    if options.write:
        write(kept_files(made, read_cases(made)))
    if options.check:
        check(kept_files(made, read_cases(made)))
    if options.generate:
        for name, make in LARGE.items():
            (options.generate / name).write_bytes(make())


if __name__ == "__main__":
    main()
