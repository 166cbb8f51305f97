"""Who a client is by its certificate, seen by what it may do, and what the mapping rules make of the name."""

import uuid

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from clients import librdkafka
from secured import Secured, pem_server

AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"


def creates(secured, pki, client):
    """Whether this client may create a topic."""
    admin = AdminClient({"bootstrap.servers": secured.bootstrap, **librdkafka(pki, client)})
    [made] = admin.create_topics([NewTopic(f"t-{uuid.uuid4().hex[:8]}", 1, 1)], operation_timeout=20).values()
    try:
        made.result(30)
        return True
    except KafkaException as error:
        assert "AUTHORIZATION_FAILED" in error.args[0].name(), error
        return False


@pytest.mark.parametrize(
    "rules, user",
    [
        ("DEFAULT", "CN=Other,O=Elsewhere,C=FR"),
        ("RULE:^CN=(.*?),O=Elsewhere.*$/$1/L,DEFAULT", "other"),
        ("RULE:^CN=nobody$/x/,RULE:^CN=(.*?),.*$/$1@here/U", "OTHER@HERE"),
    ],
)
def test_the_subject_becomes_the_principal(pki, tmp_path, rules, user):
    settings = {
        **pem_server(pki),
        "ssl.client.auth": "required",
        "ssl.principal.mapping.rules": rules,
        "authorizer.class.name": AUTHORIZER,
        "super.users": f"User:{user};User:ANONYMOUS",
    }
    with Secured(tmp_path, settings) as secured:
        assert creates(secured, pki, "client")
        assert not creates(secured, pki, "another")
