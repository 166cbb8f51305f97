"""What the cluster keeps of clients: quotas."""

from scenarios import scenario

EXACT, DEFAULT, SPECIFIED = 0, 1, 2


def entity(**parts):
    return [{"EntityType": kind.replace("_", "-"), "EntityName": name} for kind, name in parts.items()]


@scenario("AlterClientQuotas", "DescribeClientQuotas")
def client_quotas(s):
    alice, app = s.name("alice"), s.name("app")

    def alter(rows, validate=False, note=""):
        entries = [{"Entity": parts, "Ops": [{"Key": k, "Value": v or 0.0, "Remove": v is None} for k, v in quotas]}
                   for parts, quotas in rows]
        s.call("AlterClientQuotas", {"Entries": entries, "ValidateOnly": validate}, note=note)

    def describe(parts, strict=False, note="described"):
        s.barrier()
        components = [{"EntityType": kind, "MatchType": match, "Match": name} for kind, match, name in parts]
        s.call("DescribeClientQuotas", {"Components": components, "Strict": strict}, note=note)
    rate = [("producer_byte_rate", 1000.0)]
    user = entity(user=alice)
    for validate in (True, False):
        alter([(user, rate)], validate, f"set, only validated {validate}")
        describe([("user", EXACT, alice)])
    alter([(user, [*rate, ("consumer_byte_rate", 2048.5)])], note="a fraction of a byte")
    for key, value in (("request_percentage", 12.5), ("controller_mutation_rate", 0.5), ("producer_byte_rate", 0.0),
                       ("producer_byte_rate", -1.0), ("producer_byte_rate", 1e19), ("producer_byte_rate", 1.0000001),
                       ("connection_creation_rate", 5.0), ("no_such", 1.0), ("", 1.0), ("no_such", None),
                       ("producer_byte_rate", None), ("producer_byte_rate", None), ("consumer_byte_rate", 9e18)):
        alter([(user, [(key, value)])], note=f"{key} {value}")
        describe([("user", EXACT, alice)])
    alter([(user, [*rate, *rate])], note="key twice")
    alter([(user, [])], note="no ops")
    alter([(user, rate), (user, [("request_percentage", 1.0)])], note="entity twice")
    describe([("user", EXACT, alice)])
    alter([], note="none")
    for parts in ([], entity(user=""), entity(group="g"), entity(User=alice), entity(user=alice, ip="127.0.0.1"), entity(ip=app),
                  entity(ip="127.0.0.1"), entity(ip="::1"), entity(client_id=""), user * 2):
        alter([(parts, rate)], note=f"entity {len(parts)}")
        alter([(parts, [("connection_creation_rate", 5.0)])], note=f"address {len(parts)}")
        alter([(parts, [("connection_creation_rate", 2147483648.0)])], note="too large")
        alter([(parts, [("connection_creation_rate", None)])], note="address, removed")
    alter([(entity(user=alice, client_id=app), rate)], note="both")
    alter([(entity(user=alice, client_id=None), [("request_percentage", 7.0)])], note="default client id")
    alter([(entity(client_id=app), rate)], note="client id")
    for strict in (False, True):
        for match, name in ((EXACT, alice), (EXACT, s.name("never")), (EXACT, None), (DEFAULT, alice), (SPECIFIED, alice),
                            (3, None), (-1, None)):
            describe([("user", match, name)], strict, f"user {match}, strict {strict}")
        describe([("user", EXACT, alice), ("client-id", EXACT, app)], strict, f"both, strict {strict}")
        describe([("user", EXACT, alice), ("client-id", DEFAULT, None)], strict, f"default, strict {strict}")
        describe([("user", EXACT, alice), ("client-id", SPECIFIED, None)], strict, f"any, strict {strict}")
        describe([("client-id", EXACT, app)], strict, f"client id, strict {strict}")
        describe([("user", EXACT, alice), ("ip", SPECIFIED, None)], strict, f"with ip, strict {strict}")
        describe([("user", EXACT, alice), ("user", SPECIFIED, None)], strict, f"twice, strict {strict}")
    for kind in ("", "group", "User"):
        describe([(kind, SPECIFIED, None)], note="unknown type")
    for parts in (user, entity(user=alice, client_id=app), entity(user=alice, client_id=None), entity(client_id=app)):
        alter([(parts, [(key, None) for key in ("producer_byte_rate", "consumer_byte_rate", "request_percentage")])],
              note="removed")
    describe([("user", EXACT, alice)], note="at the end")
