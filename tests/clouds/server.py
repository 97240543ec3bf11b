"""A web server for a folder, which knows ranges and entity tags, and breaks off the first download of each file.
Usage: server.py FOLDER PORT_FILE     PORT_FILE gets the port; PORT_FILE.log gets a line for each answer."""

import http.server
import os
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder, log, seen = "", "", set()

    def do_GET(self):
        path = os.path.join(self.folder, os.path.basename(self.path))
        if not os.path.isfile(path):
            self.send_error(404)
            return
        size = os.path.getsize(path)
        tag = f'"{size}-{os.stat(path).st_mtime_ns}"'
        wanted = self.headers.get("Range", "")
        start = int(wanted[len("bytes=") :].rstrip("-")) if wanted and self.headers.get("If-Range", tag) == tag else 0
        broken = path not in self.seen
        self.seen.add(path)
        with open(self.log, "a") as log:
            log.write(f"{206 if start else 200} {self.path} from {start}{', broken off' if broken else ''}\n")
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(size - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.end_headers()
        self.send(path, start, size // 2 if broken else size)

    def send(self, path, start, end):
        with open(path, "rb") as file:
            file.seek(start)
            while start < end:
                piece = file.read(min(1 << 16, end - start))
                self.wfile.write(piece)
                start += len(piece)
        self.close_connection = True

    def log_message(self, *_):
        pass


def main():
    Handler.folder, port_file = sys.argv[1], sys.argv[2]
    Handler.log = f"{port_file}.log"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with open(f"{port_file}.new", "w") as file:
        file.write(str(server.server_address[1]))
    os.rename(f"{port_file}.new", port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
