"""Sets up a bucket whose notifications feed a queue, on any S3 and SQS endpoint.

  s3_sqs.py setup  --endpoint URL --bucket B --queue Q     prints the queue's URL
  s3_sqs.py upload --endpoint URL --bucket B DIR [--times N] [--match TEXT]
  s3_sqs.py put    --endpoint URL --bucket B LIST          puts [[key, body], ...] of a JSON file
  s3_sqs.py send   --endpoint URL --queue Q LIST           sends ["body", ...] of a JSON file
  s3_sqs.py depth  --endpoint URL --queue Q                prints waiting and in flight
"""

import argparse
import json
import re
from pathlib import Path

import boto3

LOG_NAME = re.compile(r"(?P<account>\d{12})_(?P<kind>CloudTrail[A-Za-z-]*)_(?P<region>[a-z0-9-]+)_(?P<day>\d{8})T\d{4}Z")


def client(service, endpoint):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def object_key(folder, path):
    """A log object that lies loose gets the key CloudTrail would give it; others keep their path."""
    found = LOG_NAME.match(path.name)
    if path.parent != folder or not found:
        return path.relative_to(folder).as_posix()
    day = found["day"]
    return f"AWSLogs/{found['account']}/{found['kind']}/{found['region']}/{day[:4]}/{day[4:6]}/{day[6:]}/{path.name}"


def setup(options):
    s3, sqs = client("s3", options.endpoint), client("sqs", options.endpoint)
    url = sqs.create_queue(QueueName=options.queue)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    s3.create_bucket(Bucket=options.bucket)
    target = {"QueueArn": attributes["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=options.bucket, NotificationConfiguration={"QueueConfigurations": [target]}
    )
    print(url)


def upload(options):
    s3 = client("s3", options.endpoint)
    folder = Path(options.folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and options.match in path.as_posix())
    for _ in range(options.times):
        for path in files:
            s3.put_object(Bucket=options.bucket, Key=object_key(folder, path), Body=path.read_bytes())
    print(len(files))


def put(options):
    s3 = client("s3", options.endpoint)
    for key, body in json.loads(Path(options.list).read_text()):
        s3.put_object(Bucket=options.bucket, Key=key, Body=body.encode())


def send(options):
    sqs = client("sqs", options.endpoint)
    url = sqs.get_queue_url(QueueName=options.queue)["QueueUrl"]
    for body in json.loads(Path(options.list).read_text()):
        sqs.send_message(QueueUrl=url, MessageBody=body)


def depth(options):
    sqs = client("sqs", options.endpoint)
    url = sqs.get_queue_url(QueueName=options.queue)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    print(attributes[names[0]], attributes[names[1]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, run, flags in [
        ("setup", setup, ["--bucket", "--queue"]),
        ("upload", upload, ["--bucket"]),
        ("put", put, ["--bucket"]),
        ("send", send, ["--queue"]),
        ("depth", depth, ["--queue"]),
    ]:
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        for flag in ["--endpoint", *flags]:
            command.add_argument(flag, required=True)
        if name in ("put", "send"):
            command.add_argument("list")
        if name == "upload":
            command.add_argument("folder")
            command.add_argument("--times", type=int, default=1)
            command.add_argument("--match", default="", help="only files whose path contains this")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
