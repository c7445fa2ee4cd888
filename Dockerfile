# The gateway in a container. Targets: cpu (the default of docker-compose.yml) and cuda (llama.cpp on NVIDIA GPUs).
#
#   docker build --target cpu -t dolly-gateway:cpu .
#   docker run --rm -p 127.0.0.1:8000:8000 --read-only --tmpfs /tmp -v dolly-cache:/cache dolly-gateway:cpu
#
# Nothing here needs BuildKit.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG CUDA_IMAGE=nvidia/cuda:13.0.1-runtime-ubuntu24.04

FROM ${NODE_IMAGE} AS node

FROM node AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY drivers drivers
COPY deploy/trim-modules.sh deploy/
RUN npm run build && npm prune --omit=dev && deploy/trim-modules.sh

FROM build AS build-cuda
ARG LLAMA_VERSION=3.21.1
RUN npm install --no-save --omit=dev \
      "@node-llama-cpp/linux-x64-cuda@${LLAMA_VERSION}" "@node-llama-cpp/linux-x64-cuda-ext@${LLAMA_VERSION}" \
 && deploy/trim-modules.sh

# What both targets run with. Files belong to root: the gateway cannot change itself.
FROM node AS cpu
ENV NODE_ENV=production DOLLY_HOST=0.0.0.0 DOLLY_CACHE=/cache HOME=/tmp
RUN install -d -o 1000 -g 1000 /cache
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY config config
COPY eval eval
COPY models/dolly-v2-tiny models/dolly-v2-tiny
COPY tokenizers tokenizers
COPY package.json LICENSE NOTICE ./
USER 1000:1000
VOLUME /cache
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.DOLLY_PORT || 8000) + '/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/dolly.js"]
CMD ["serve"]

FROM ${CUDA_IMAGE} AS cuda
ENV NODE_ENV=production DOLLY_HOST=0.0.0.0 DOLLY_CACHE=/cache HOME=/tmp \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN install -d -o 1000 -g 1000 /cache
COPY --from=node /usr/local/bin/node /usr/local/bin/node
WORKDIR /app
COPY --from=build-cuda /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY config config
COPY eval eval
COPY models/dolly-v2-tiny models/dolly-v2-tiny
COPY tokenizers tokenizers
COPY package.json LICENSE NOTICE ./
USER 1000:1000
VOLUME /cache
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.DOLLY_PORT || 8000) + '/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/dolly.js"]
CMD ["serve"]
