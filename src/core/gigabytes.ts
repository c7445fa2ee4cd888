/** Bytes as people read them: `12.5 GB`, in units of 10^9. */
export const gigabytes = (bytes: number, digits = 1): string => `${(bytes / 1e9).toFixed(digits)} GB`;
