import { OperatorError } from "./errors.ts";

/** Why a server could not listen, in words that say what to do. */
export function listenFailure(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const at = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const reason = reasons[String(code)]?.(at, host, port);
  return reason === undefined ? error : new OperatorError(`cannot listen: ${reason}`, { cause: error });
}

type Reason = (at: string, host: string, port: number) => string;

const unresolved: Reason = (_at, host) =>
  `the host name "${host}" cannot be resolved; give an address of this machine with --host, or 0.0.0.0 for all`;

const reasons: Readonly<Record<string, Reason>> = {
  EADDRINUSE: (at, _host, port) =>
    `${at} is in use by another program; stop it, or choose another port with --port ${port === 65535 ? port - 1 : port + 1} (--port 0 takes any free one)`,
  EACCES: (at) =>
    `this user may not listen on ${at}; ports below 1024 are often reserved: choose another with --port`,
  EADDRNOTAVAIL: (_at, host) =>
    `this machine has no address ${host}; give one that it has with --host, or 0.0.0.0 for all`,
  ENOTFOUND: unresolved,
  EAI_AGAIN: unresolved,
};
