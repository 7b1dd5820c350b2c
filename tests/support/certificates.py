"""An authority of a test's own and a certificate that it gave to 127.0.0.1, made by openssl."""

import base64
import hashlib
import subprocess

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]


def _openssl(*arguments, data=None):
    run = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, timeout=60)
    if run.returncode != 0:
        raise RuntimeError(run.stderr.decode(errors="replace"))
    return run.stdout


class Certificates:
    """Files below `directory`: `authority`, `certificate` and `key`, all PEM."""

    def __init__(self, directory):
        self.authority, self.certificate, self.key = (directory / name for name in ("ca.pem", "server.pem", "server.key"))
        authority_key = directory / "ca.key"
        _openssl("req", "-x509", *_KEY, "-subj", "/CN=authority of a test", "-addext", "basicConstraints=critical,CA:TRUE",
                 "-keyout", authority_key, "-out", self.authority)
        _openssl("req", "-x509", *_KEY, "-CA", self.authority, "-CAkey", authority_key, "-subj", "/CN=server of a test",
                 "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                 "-keyout", self.key, "-out", self.certificate)

    @property
    def serve_options(self):
        return ["--tls-certificate", str(self.certificate), "--tls-key", str(self.key)]

    def key_hash(self):
        """Of the server's public key, as browsers pin it (RFC 7469 section 2.4)."""
        pem = _openssl("x509", "-in", self.certificate, "-noout", "-pubkey")
        return base64.b64encode(hashlib.sha256(_openssl("pkey", "-pubin", "-outform", "DER", data=pem)).digest()).decode()
