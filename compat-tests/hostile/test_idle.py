"""What a broker holds that nobody has asked for anything."""

from hostile.memory import MIB, anonymous, resident


def test_an_idle_broker_holds_little(broker):
    assert anonymous(broker.process.pid) <= 6 * MIB
    assert resident(broker.process.pid) <= 20 * MIB
