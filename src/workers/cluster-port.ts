import type { Worker } from "node:cluster";
import type { Port } from "./line.ts";

/** The channel between the primary process and one of its workers, from either side. */
export const clusterPort = (worker: Worker): Port => ({
  send(message) {
    // Of one that has just ended the `exit` or `disconnect` event tells.
    if (worker.isConnected()) worker.send(message, () => undefined);
  },
  onMessage(callback) {
    worker.on("message", callback);
  },
});
