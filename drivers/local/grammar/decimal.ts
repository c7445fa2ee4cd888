/** A decimal number, exactly: `digits` * 10^-`scale`. */
export interface Decimal {
  readonly digits: bigint;
  /** Digits behind the point, 0 or more. */
  readonly scale: number;
}

/** The number as JavaScript writes it, which is the shortest decimal that it is read from. */
export function decimalOf(value: number): Decimal {
  const [mantissa = "", exponent = "0"] = value.toString().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

/** A non-negative decimal's digits before and behind the point, neither with needless zeros. */
export function digitsOf({ digits, scale }: Decimal): { whole: string; fraction: string } {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, "0");
  return {
    whole: text.slice(0, text.length - scale),
    fraction: text.slice(text.length - scale).replace(/0+$/, ""),
  };
}
