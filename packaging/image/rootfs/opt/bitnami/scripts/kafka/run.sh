#!/bin/bash
BARNABAS_DATA=${BARNABAS_DATA:-/bitnami/kafka/data}
export BARNABAS_DATA
for script in /docker-entrypoint-initdb.d/*.sh; do
    if [ -r "$script" ]; then bash "$script" || exit 1; fi
done
. /usr/lib/barnabas/start.sh
make_properties /opt/bitnami/kafka/config/server.properties || exit 1
# shellcheck disable=SC2086 -- several words are meant.
become_node /opt/bitnami/kafka/config/server.properties ${KAFKA_EXTRA_FLAGS:-} "$@"
