"""A file of identities, as an operator keeps it."""
import atexit
import hashlib
import os
import secrets
import shutil
import tempfile


def new_key():
    return "esk_" + secrets.token_hex(32)


def sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


class KeyFile:
    """path; key[NAME]: the key of each identity. Everyone may read it: the server may run as another account."""

    def __init__(self):
        self._folder = tempfile.mkdtemp(prefix="eventstore-e2e-keys-")
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        os.chmod(self._folder, 0o755)
        self.path = os.path.join(self._folder, "keys.toml")
        self.key, self._tables = {}, {}

    def add(self, name, *roles, **limits):
        """With a new key, beside those that are there."""
        self.key[name] = new_key()
        self._tables[name] = {"key_sha256": sha256(self.key[name]), "roles": list(roles), **limits}
        return self

    def remove(self, name):
        del self._tables[name]
        return self

    def text(self):
        lines = []
        for name, table in self._tables.items():
            lines.append(f'[[identity]]\nname = "{name}"')
            lines += [f"{key} = {value!r}".replace("'", '"') for key, value in table.items()]
        return "\n".join(lines) + "\n"

    def write(self, text=None):
        """In place of the old one, at once."""
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(self.text() if text is None else text)
        os.chmod(self.path + ".new", 0o644)
        os.replace(self.path + ".new", self.path)
        return self
