# Worker and command line of image-tags, for Docker, Kubernetes and ECS.
#
#   docker build -t image-tags .                                  # with Amazon Rekognition
#   docker build -t image-tags:local --build-arg EXTRAS=local .   # with the local models (1 GB more)
#
# The steps are those of deploy/image/install.sh, which a test runs without Docker.
FROM python:3.11-slim AS build
ARG EXTRAS=""
COPY . /src
RUN /src/deploy/image/install.sh /src /opt/image-tags "$EXTRAS"

FROM python:3.11-slim
# No shell to log into, no home that anyone else can read; the store is on S3 or a mounted volume.
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/image-tags image-tags
COPY --from=build /opt/image-tags /opt/image-tags
ENV PATH=/opt/image-tags/bin:$PATH \
    PREFECT_HOME=/var/lib/image-tags/prefect \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    DO_NOT_TRACK=1 \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/image-tags
# Whether the program starts. A worker's own health: `prefect worker start --with-healthcheck`.
HEALTHCHECK --interval=60s --timeout=20s --start-period=30s CMD ["image-tags", "--version"]
# A work pool gives the command of a flow run in its place.
CMD ["image-tags", "--help"]
