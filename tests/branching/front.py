"""prism_branching_front for scripts: see front.cc."""

import subprocess


class Front:
    """Context manager: the proxy in front of a running server, on 127.0.0.1 at `port`; with `certificates` it speaks TLS."""

    def __init__(self, program, server, shards=2, certificates=None):
        tls = [certificates.certificate, certificates.key] if certificates else []
        self.process = subprocess.Popen(list(map(str, [program, server.conninfo, server.socket_path, shards, *tls])),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        if self.process.wait(30) != 0:
            raise RuntimeError("the proxy failed")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
