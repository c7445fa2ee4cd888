/** Whether an IP address reaches this machine only. */
export const isLoopbackAddress = (address: string): boolean =>
  /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address) || address === "::1";

/**
 * Whether a Host header names this machine itself. A page on another site whose name was made to resolve to 127.0.0.1
 * (DNS rebinding, CVE-2024-28224) sends its own name here.
 */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/:\d*$/, "");
  return name === "[::1]" || name === "localhost" || name.endsWith(".localhost") || isLoopbackAddress(name);
}
