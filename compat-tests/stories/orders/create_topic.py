"""Creates the topic of the order story. Usage: create_topic.py BOOTSTRAP TOPIC PARTITIONS"""

import sys

from confluent_kafka.admin import AdminClient, NewTopic

bootstrap, topic, partitions = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": bootstrap})
admin.create_topics([NewTopic(topic, int(partitions), 1)])[topic].result(30)
