/** A value as `--json` prints it: bigint becomes a decimal string, bytes become hexadecimal, undefined is left out. */
export type Json = string | number | boolean | null | bigint | Uint8Array | undefined | readonly Json[] | { readonly [key: string]: Json };

export type JsonObject = Readonly<Record<string, Json>>;

function plain(value: Json): unknown {
  if (typeof value === 'bigint') return value.toString();
  // JSON has no NaN and no infinity; their names say more than the null that JSON.stringify would write.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map((item: Json) => plain(item) ?? null);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

/** One line of JSON. */
export function toJson(value: JsonObject): string {
  return JSON.stringify(plain(value));
}
