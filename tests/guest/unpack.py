"""Unpacks the files of a user-data into a folder, as cloud-init would. Usage: unpack.py USER_DATA FOLDER"""
import base64
import email
import gzip
import os
import sys

import yaml


def cloud_config(text):
    message = email.message_from_string(text)
    if message.get_content_type() == "application/gzip":
        text = gzip.decompress(message.get_payload(decode=True)).decode()
    return yaml.safe_load(text)


def content(entry):
    encoding = entry.get("encoding")
    if encoding is None:
        return entry["content"].encode()
    packed = base64.b64decode(entry["content"])
    return gzip.decompress(packed) if encoding == "gz+b64" else packed


def main(source, folder):
    with open(source) as file:
        config = cloud_config(file.read())
    for entry in config["write_files"]:
        path = folder + entry["path"]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content(entry))


if __name__ == "__main__":
    main(*sys.argv[1:])
