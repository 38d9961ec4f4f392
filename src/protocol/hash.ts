import { createHash, hash } from 'node:crypto';

import { u32be, u64be, utf8 } from './bytes.js';

/** What a hash may be taken over: bytes, text (UTF-8) or an unsigned 64-bit integer (8 bytes, big-endian). */
export type HashField = Uint8Array | string | bigint;

const PREFIX = 'r3mes/v1/';

function encodeField(field: HashField): Uint8Array {
  if (typeof field === 'string') return utf8(field);
  return typeof field === 'bigint' ? u64be(field) : field;
}

export function sha256(data: Uint8Array): Uint8Array {
  const digest = hash('sha256', data, 'buffer');
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
}

/**
 * H(tag, fields…) of docs/protocol.md: SHA-256 over `r3mes/v1/` + tag and every field, each behind its length as
 * 4 big-endian bytes. A list is hashed as its count followed by its items.
 */
export function taggedHash(tag: string, ...fields: readonly HashField[]): Uint8Array {
  const h = createHash('sha256');
  const name = utf8(PREFIX + tag);
  h.update(u32be(name.length)).update(name);
  for (const field of fields) {
    const bytes = encodeField(field);
    h.update(u32be(bytes.length)).update(bytes);
  }
  return new Uint8Array(h.digest());
}
