# What holds for every way to start this image; sourced, by sh or bash. Names are those of the images that it stands in for.

MADE='# Made at the start from the environment'

mounted() { # mounted FOLDER
    while read -r _ at _; do
        [ "$at" = "$1" ] && return 0
    done < /proc/self/mounts
    return 1
}

# Where data goes if nothing else says it: to a volume that is mounted where one of the images keeps its data.
if [ -z "${BARNABAS_DATA:-}" ]; then
    BARNABAS_DATA=/var/lib/kafka/data
    for place in /bitnami /bitnami/kafka /bitnami/kafka/data; do
        if mounted "$place"; then BARNABAS_DATA=/bitnami/kafka/data; fi
    done
    for place in /tmp/kafka-logs /tmp/kraft-combined-logs /var/lib/redpanda/data; do
        if mounted "$place"; then BARNABAS_DATA=$place; fi
    done
    if mounted /kafka; then BARNABAS_DATA=/kafka/kafka-logs-${HOSTNAME:-kafka}; fi
    export BARNABAS_DATA
fi

if [ -z "${CLUSTER_ID:-}${KAFKA_CLUSTER_ID:-}${KAFKA_KRAFT_CLUSTER_ID:-}${CLUSTER_ID_FILE:-}${KAFKA_CLUSTER_ID_FILE:-}${KAFKA_KRAFT_CLUSTER_ID_FILE:-}" ]; then
    export CLUSTER_ID=5L6g3nShT-eMCtK--X86sw
fi

# bitnami's and wurstmeister's commands.
if [ -n "${KAFKA_NODE_ID_COMMAND:-}" ]; then KAFKA_NODE_ID=$(eval "$KAFKA_NODE_ID_COMMAND") && export KAFKA_NODE_ID; fi
if [ -n "${BROKER_ID_COMMAND:-}" ]; then KAFKA_BROKER_ID=$(eval "$BROKER_ID_COMMAND") && export KAFKA_BROKER_ID; fi
for command in HOSTNAME_COMMAND PORT_COMMAND; do
    eval "value=\${$command:-}"
    [ -n "$value" ] || continue
    value=$(eval "$value")
    for name in $(/bin/busybox env | /bin/busybox sed -n 's/^\(KAFKA_[A-Z0-9_]*\)=.*/\1/p'); do
        eval "old=\$$name"
        case $old in
        *"_{$command}"*) export "$name=${old%%_\{$command\}*}$value${old#*_\{$command\}}" ;;
        esac
    done
done

# bitnami's certificates, in either of the folders where they are mounted.
if [ -z "${KAFKA_CERTS_DIR:-}" ]; then
    for place in /opt/bitnami/kafka/config/certs /bitnami/kafka/config/certs; do
        for file in "$place"/kafka.keystore.*; do
            if [ -r "$file" ]; then export KAFKA_CERTS_DIR="$place"; fi
        done
    done
fi

first_line() { # first_line FILE
    line=
    if [ -r "$1" ]; then read -r line < "$1" || :; fi
    printf '%s' "$line"
}

# The settings that a user has mounted, if any; bitnami's alone make the environment count for nothing.
base_file() { # base_file FINAL
    for file in /mnt/shared/config/server.properties /bitnami/kafka/config/server.properties "$1"; do
        if [ -s "$file" ] && [ "$(first_line "$file")" != "$MADE" ]; then
            printf '%s' "$file"
            return
        fi
    done
}

# Writes what the environment says to where the image keeps its settings, for tools. Where that can't be written, the node
# reads the environment alone.
make_properties() { # make_properties FINAL
    base=$(base_file "$1")
    [ "$base" != "$1" ] || return 0
    properties=$(barnabas environment ${base:+"$base"}) || return 1
    if [ -w "$1" ]; then printf '%s\n%s\n' "$MADE" "$properties" > "$1"; fi
}

# Becomes the node. Further arguments are those of kafka-server-start.
become_node() { # become_node FINAL ARGUMENT…
    final=$1
    shift
    base=$(base_file "$final")
    if [ "$base" = /bitnami/kafka/config/server.properties ]; then exec barnabas --log-format kafka "$base" "$@"; fi
    if [ -z "$base" ] && [ -w "$final" ] && [ -s "$final" ]; then base=$final; fi
    exec barnabas --env ${base:+"$base"} "$@"
}
