"""What is asked of a broker with TLS and PLAIN byte by byte: by whoever wants this broker to answer, whoever leads or controls."""

import ssl
import struct

from security.sasl_wire import Connection

CREATE_TOPICS, ALTER_CLIENT_QUOTAS = 19, 49
HEADER_TAGS, NO_TAGS = b"\0", b"\0"


def compact(text):
    return bytes([len(text) + 1]) + text.encode()


def compact_list(items):
    return bytes([len(items) + 1]) + b"".join(items)


class SecuredConnection(Connection):
    """A connection of a user who has logged in."""

    def __init__(self, port, ca, user):
        super().__init__(port)
        context = ssl.create_default_context(cafile=ca)
        self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        error, message, *_ = self.plain(user, f"{user}-secret")
        assert error == 0, message

    def ask_flexible(self, key, version, body):
        """The answer to a request of a version with tagged fields, without the header."""
        header = struct.pack(">hhih", key, version, 7, -1) + HEADER_TAGS
        self.send(header + body)
        return self.receive()[5:]

    def create_topic(self, name, partitions=1):
        """The topic's error, 0 if it was created."""
        topic = compact(name) + struct.pack(">ih", partitions, 1) + compact_list([]) * 2 + NO_TAGS
        answer = self.ask_flexible(CREATE_TOPICS, 7, compact_list([topic]) + struct.pack(">i?", 10_000, False) + NO_TAGS)
        # Behind the pause, the number of topics, the name and the id.
        (error,) = struct.unpack_from(">h", answer, 4 + 1 + 1 + len(name) + 16)
        return error

    def set_quota(self, user, key, value):
        entity = compact("user") + compact(user) + NO_TAGS
        change = compact(key) + struct.pack(">d?", value, False) + NO_TAGS
        entry = compact_list([entity]) + compact_list([change]) + NO_TAGS
        answer = self.ask_flexible(ALTER_CLIENT_QUOTAS, 1, compact_list([entry]) + b"\0" + NO_TAGS)
        (error,) = struct.unpack_from(">h", answer, 4 + 1)
        assert error == 0, error
