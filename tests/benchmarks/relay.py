"""A dump through this process into a bucket, as one would write it with paramiko and boto3 alone.

Arguments: ADDRESS PORT USER KEY KNOWN_HOSTS ENDPOINT REGION BUCKET OBJECT COMMAND; the keys are in the environment.
"""

from __future__ import annotations

import sys

import boto3
import paramiko
from botocore.config import Config


def main() -> None:
    address, port, user, key, known_hosts, endpoint, region, bucket, name, command = sys.argv[1:]
    client = paramiko.SSHClient()
    client.load_host_keys(known_hosts)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(address, int(port), user, key_filename=key, allow_agent=False, look_for_keys=False)
    config = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name=region, config=config)
    _, out, _ = client.exec_command(command)
    s3.upload_fileobj(out, bucket, name)
    if out.channel.recv_exit_status() != 0:
        raise SystemExit("the dump failed")
    client.close()


if __name__ == "__main__":
    main()
