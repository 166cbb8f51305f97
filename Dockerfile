# docker build -t barnabas . && docker run --rm -p 9092:9092 barnabas
#
# An image to put in place of apache/kafka, confluentinc/cp-kafka, bitnami/kafka, wurstmeister/kafka or redpanda: docs/DROP-IN.md.
# For x86-64 and arm64. scripts/image makes the same image without pulling anything, from a binary built before
# (SOURCE=local, by BuildKit, which builds only the stages it needs).
ARG SOURCE=build

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev busybox-static bash-static \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    packaging/image/assemble /rootfs "$(scripts/static-binary)" \
    && install -D LICENSE /rootfs/usr/share/doc/barnabas/LICENSE

FROM scratch AS local
ADD rootfs.tar /rootfs/

FROM ${SOURCE} AS rootfs

FROM scratch
COPY --from=rootfs /rootfs/ /
USER 1000:1000
ENV PATH=/usr/bin:/bin:/usr/sbin:/opt/kafka/bin \
    HOME=/home/appuser \
    BARNABAS_LISTEN=:9092 \
    BARNABAS_IMPORT=in-place \
    BARNABAS_LOG_FORMAT=kafka \
    BARNABAS_GATEWAY_HOST=localhost
WORKDIR /home/appuser
VOLUME /var/lib/kafka/data /etc/kafka/secrets /mnt/shared/config
EXPOSE 9092
STOPSIGNAL SIGTERM
CMD ["/etc/kafka/docker/run"]
