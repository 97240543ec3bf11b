"""Unpacks the files of a user-data into a folder, as cloud-init and an ordinary image would.
Usage: unpack.py USER_DATA FOLDER"""

import base64
import email
import gzip
import lzma
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


STOCK = "/run/imagegen-stock"


def base94(text):
    """The bytes of a number in the letters of ASCII, less the sentinel before them."""
    number = 0
    for letter in text.decode().strip():
        number = number * 94 + ord(letter) - 33
    return number.to_bytes((number.bit_length() + 7) // 8, "big")[1:]


def archived(packed):
    """The files that travel to an ordinary image: mode and content of each path."""
    fields = iter(lzma.decompress(packed).split(b"\0"))
    return {path.decode(): (mode.decode(), content) for mode, path, content in zip(fields, fields, fields)}


def main(source, folder):
    with open(source) as file:
        config = cloud_config(file.read())
    files = {entry["path"]: (entry.get("permissions", "0644"), content(entry)) for entry in config["write_files"]}
    if STOCK in files:
        _, packed = files.pop(STOCK)
        files |= archived(base94(packed))
    for path, (mode, data) in files.items():
        os.makedirs(os.path.dirname(folder + path), exist_ok=True)
        with open(folder + path, "wb") as file:
            file.write(data)
        os.chmod(folder + path, int(mode, 8))


if __name__ == "__main__":
    main(*sys.argv[1:])
