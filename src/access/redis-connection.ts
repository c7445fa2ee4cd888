import { createHash } from "node:crypto";
import { createClient } from "@redis/client";

/** Milliseconds between two tries to reach a Redis that is away. */
const RECONNECT_MS = 500;

/** A connection to Redis that is tried again for ever, and on which no call waits longer than it may. */
export interface RedisConnection {
  /** Runs a script; rejects where Redis is away, or has not answered within the time. */
  run(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  close(): void;
}

export interface RedisConnectionParts {
  readonly url: string;
  /** Milliseconds that a call waits at most. */
  readonly timeoutMs: number;
  /** Calls back once after a time in milliseconds; returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
}

export function connectRedis({ url, timeoutMs, after }: RedisConnectionParts): RedisConnection {
  const client = createClient({
    url,
    // A request that cannot be counted now is decided on now: it must not wait for a Redis to come back.
    disableOfflineQueue: true,
    socket: { connectTimeout: Math.max(timeoutMs, 1000), reconnectStrategy: RECONNECT_MS },
  });
  // What is wrong shows in the calls; without a listener Node would end the process.
  client.on("error", () => undefined);
  const connected = client.connect().then(
    () => undefined,
    () => undefined,
  );
  const within = async <Value>(work: Promise<Value>): Promise<Value> => {
    const late = Promise.withResolvers<never>();
    const cancel = after(timeoutMs, () =>
      late.reject(new Error(`Redis did not answer within ${timeoutMs} ms`)),
    );
    try {
      return await Promise.race([work, late.promise]);
    } finally {
      cancel();
    }
  };
  return {
    run(script, keys, args) {
      const options = { keys: [...keys], arguments: [...args] };
      const sha = createHash("sha1").update(script).digest("hex");
      const call = async (): Promise<unknown> => {
        // The first requests of a gateway may come before its connection is there.
        if (!client.isReady) await connected;
        try {
          return await client.evalSha(sha, options);
        } catch (error) {
          if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
          return client.eval(script, options);
        }
      };
      return within(call());
    },
    close: () => client.destroy(),
  };
}
