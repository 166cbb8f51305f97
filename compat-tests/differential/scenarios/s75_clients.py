"""What the cluster keeps of clients: quotas and SCRAM credentials."""

from scenarios import scenario

EXACT, DEFAULT, SPECIFIED = 0, 1, 2
SHA_256, SHA_512 = 1, 2


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


@scenario("AlterUserScramCredentials", "DescribeUserScramCredentials")
def scram_credentials(s):
    alice, bob = s.name("alice"), s.name("bob")

    def upsert(name, mechanism=SHA_256, iterations=4096, salt="00ff", password="11" * 32):
        return {"Name": name, "Mechanism": mechanism, "Iterations": iterations, "Salt": bytes.fromhex(salt),
                "SaltedPassword": bytes.fromhex(password)}

    def alter(deleted=(), upserted=(), note=""):
        rows = [{"Name": name, "Mechanism": mechanism} for name, mechanism in deleted]
        s.call("AlterUserScramCredentials", {"Deletions": rows, "Upsertions": list(upserted)}, note=note)

    def describe(*names, note="described"):
        s.barrier()
        s.call("DescribeUserScramCredentials", {"Users": [{"Name": name} for name in names]}, note=note)
    describe(alice, note="never seen")
    alter([(alice, SHA_256)], note="delete what isn't there")
    alter(upserted=[upsert(alice)], note="set")
    describe(alice)
    alter(upserted=[upsert(alice, SHA_512, 8192, password="22" * 64)], note="the other mechanism")
    describe(alice)
    for iterations in (0, -1, 1, 4095, 16384, 16385, 2147483647):
        alter(upserted=[upsert(bob, iterations=iterations)], note=f"{iterations} iterations")
    for mechanism in (0, 3, -1, 127):
        alter(upserted=[upsert(bob, mechanism)], note=f"mechanism {mechanism}")
        alter([(bob, mechanism)], note=f"delete, mechanism {mechanism}")
    alter(upserted=[upsert("")], note="no name")
    alter([("", SHA_256)], note="delete, no name")
    alter(upserted=[upsert(bob, salt="")], note="no salt")
    alter(upserted=[upsert(bob, password="")], note="no password")
    alter(upserted=[upsert(bob, password="11")], note="short password")
    alter(upserted=[upsert(bob), upsert(bob, iterations=5000)], note="twice")
    alter([(alice, SHA_256)], [upsert(alice)], note="deleted and set")
    alter([(alice, SHA_256), (alice, SHA_256)], note="deleted twice")
    alter([(alice, SHA_256)], [upsert(alice, SHA_512, 5000, password="22" * 64)], note="one deleted, one set")
    describe(alice)
    alter([(alice, SHA_256)], [upsert(alice, SHA_512, 6000, password="22" * 64)], note="one gone already")
    describe(alice)
    alter([(alice, SHA_256)], [upsert(alice, SHA_512, 1)], note="two errors")
    missing = f"{alice}-missing"
    alter([(missing, SHA_256)], [upsert(missing)], note="missing, and set")
    alter([(missing, SHA_256), (missing, SHA_256)], [upsert(missing, iterations=1)], note="three errors")
    alter(upserted=[upsert(missing, iterations=1), upsert(missing)], note="an error first")
    alter(note="none")
    alter(upserted=[upsert(bob), upsert(bob, SHA_512, password="22" * 64), upsert(alice)], note="both mechanisms, another user")
    describe(alice, bob)
    alter([(bob, SHA_256), (bob, SHA_512)], note="both deleted")
    alter(upserted=[upsert(alice, iterations=1), upsert(bob)], note="one of two")
    describe(alice, bob)
    describe(alice, alice, note="described twice")
    describe("", note="no name")
    alter([(alice, SHA_512), (bob, SHA_256)], note="deleted")
    describe(alice, note="at the end")
