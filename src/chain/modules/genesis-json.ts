import { formatRfc3339 } from '../../protocol/rfc3339.js';

const snakeCase = (key: string): string => key.replace(/([A-Z])/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * A message of the state as genesis writes it: names in snake case, 64-bit integers as text, bytes in base64, times as
 * RFC 3339, periods in seconds, and an Any as `@type` with its bytes.
 */
export function genesisJson(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(genesisJson);
  if (typeof value !== 'object' || value === null) return value;
  if (isTypeUrl(value)) return { '@type': value.typeUrl, value: genesisJson(value.value) };
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [snakeCase(key), genesisField(key, item)]));
}

const isTypeUrl = (value: object): value is { typeUrl: string; value: Uint8Array } => 'typeUrl' in value && 'value' in value;

function genesisField(key: string, value: unknown): unknown {
  if (typeof value === 'object' && value !== null && 'seconds' in value && typeof value.seconds === 'bigint' && 'nanos' in value) {
    return key.endsWith('Period') ? `${value.seconds}s` : formatRfc3339({ seconds: value.seconds, nanos: Number(value.nanos) });
  }
  return genesisJson(value);
}
