# docker build -t barnabas . && docker run --rm -p 9092:9092 barnabas
#
# Clients outside the container reach the broker as localhost:9092; for another name, end the command with
# --override advertised.listeners=PLAINTEXT://NAME:9092

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p barnabas-node \
    && cp target/release/barnabas /barnabas

FROM debian:bookworm-slim
RUN useradd --system --uid 1000 --create-home --home-dir /var/lib/barnabas barnabas \
    && mkdir /var/lib/barnabas/data \
    && chown barnabas:barnabas /var/lib/barnabas/data
COPY --from=build /barnabas /usr/local/bin/barnabas
COPY LICENSE /usr/share/doc/barnabas/LICENSE
USER barnabas
VOLUME /var/lib/barnabas/data
EXPOSE 9092
STOPSIGNAL SIGTERM
ENTRYPOINT ["barnabas", "--data", "/var/lib/barnabas/data", \
    "--override", "listeners=PLAINTEXT://:9092", \
    "--override", "advertised.listeners=PLAINTEXT://localhost:9092"]
