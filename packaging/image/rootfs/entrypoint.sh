#!/bin/bash
# redpanda's, whose arguments are rpk's, and bitnami's, whose are a command.
case ${1:-} in
redpanda | cluster | topic | version) exec rpk "$@" ;;
"") exec /etc/kafka/docker/run ;;
*) exec "$@" ;;
esac
