"""A share group that has given up two of three tasks, and holds a fourth: what the console shows of queues."""

from confluent_kafka import AcknowledgeType, Producer, ShareConsumer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from harness.deadline import Deadline

SETTINGS = {
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.coordinator.rebalance.protocols": "classic,consumer,share",
    "log.cleaner.backoff.ms": "200",
}
GROUP, TASKS, LETTERS = "workers", "tasks", "dlq.tasks"
FATES = {b"done": AcknowledgeType.ACCEPT, b"rejected": AcknowledgeType.REJECT, b"never": AcknowledgeType.REJECT}
WAIT_S = 20


def fill(bootstrap, admin):
    """Returns the worker that holds the fourth."""
    letters = NewTopic(LETTERS, 1, 1, config={"errors.deadletterqueue.group.enable": "true"})
    for made in admin.create_topics([NewTopic(TASKS, 1, 1), letters]).values():
        made.result(WAIT_S)
    entries = {"share.auto.offset.reset": "earliest", "errors.deadletterqueue.topic.name": LETTERS, "errors.deadletterqueue.copy.record.enable": "true"}
    resource = ConfigResource(ResourceType.GROUP, GROUP)
    for name, value in entries.items():
        resource.add_incremental_config(ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET))
    for changed in admin.incremental_alter_configs([resource]).values():
        changed.result(WAIT_S)
    producer = Producer({"bootstrap.servers": bootstrap})
    for task in FATES:
        producer.produce(TASKS, task, key=b"k", headers=[("from", b"here")])
    assert producer.flush(WAIT_S) == 0
    worker = ShareConsumer({"bootstrap.servers": bootstrap, "group.id": GROUP, "client.id": "one", "share.acknowledgement.mode": "explicit"})
    worker.subscribe([TASKS])
    deadline = Deadline("the tasks", WAIT_S)
    seen = 0
    while seen < len(FATES) and deadline.left():
        for task in worker.poll(1):
            worker.acknowledge(task, FATES[task.value()])
            seen += 1
        worker.commit_sync()
    producer.produce(TASKS, b"held")
    assert producer.flush(WAIT_S) == 0
    held = []
    while not held and deadline.left():
        held = worker.poll(1)
    assert [task.value() for task in held] == [b"held"]
    return worker
