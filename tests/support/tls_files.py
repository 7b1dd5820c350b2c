"""An authority for tests, and certificates that it vouches for, made by the openssl program."""

import pathlib
import subprocess

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Authority:
    """Writes NAME.pem and NAME.key into the directory, its own as ca.pem and ca.key."""

    def __init__(self, directory, name="ca"):
        self.directory, self.name = pathlib.Path(directory), name
        self._request("-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", *NEW_KEY, leaf=name)

    @property
    def ca(self):
        return str(self.directory / f"{self.name}.pem")

    def make(self, leaf, names="DNS:localhost,IP:127.0.0.1"):
        """The paths of a new certificate and its key."""
        self._request("-CA", self.ca, "-CAkey", str(self.directory / f"{self.name}.key"), "-subj", f"/CN={leaf}", "-addext",
                      "basicConstraints=critical,CA:FALSE", "-addext", f"subjectAltName={names}", *NEW_KEY, leaf=leaf)
        return str(self.directory / f"{leaf}.pem"), str(self.directory / f"{leaf}.key")

    def _request(self, *options, leaf):
        subprocess.run(["openssl", "req", "-x509", "-days", "2", *options, "-out", str(self.directory / f"{leaf}.pem"),
                        "-keyout", str(self.directory / f"{leaf}.key")], check=True, capture_output=True, timeout=60)
