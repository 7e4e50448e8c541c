# The local server, `qstash-dev`, as an image: the program, the C library and the certificates of authorities, and no shell.
#
#     docker build --tag qstash-dev .
#     docker run --rm --publish 127.0.0.1:8080:8080 --env QSTASH_TOKEN=local-token qstash-dev
#
# `127.0.0.1:` keeps it on this machine: whoever reaches the port needs nothing but the token.

FROM rust:1-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --locked --profile dist --package qstash-cli --target-dir /target

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /target/dist/qstash-dev /usr/local/bin/qstash-dev
# Root of the container is root of the machine where it breaks out. The number lets Kubernetes see that it is not root.
USER 65532:65532
# In a container, other machines are the only ones that can call.
ENV QSTASH_DEV_LISTEN=0.0.0.0
EXPOSE 8080
# `QSTASH_URL` may name the server as others see it.
HEALTHCHECK --interval=5s --timeout=6s --start-period=5s \
    CMD ["/usr/local/bin/qstash-dev", "ready", "--server", "http://127.0.0.1:8080"]
# What is in flight when the container stops comes to its end.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/qstash-dev"]
