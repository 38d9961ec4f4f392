import { hash } from 'node:crypto';

import { PUBKEY_BYTES } from '../../protocol/address.js';
import { compareBytes, concatBytes, fromHex } from '../../protocol/bytes.js';
import { sha256 } from '../../protocol/hash.js';
import { type Curve, curve } from './curve.js';

export const SIGNATURE_BYTES = 64;

/** Half of the group's order (SEC 2): of s and n−s only the lower one is valid, or anyone could change a transaction's hash. */
const HALF_ORDER = fromHex('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0');
const ORDER = fromHex('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141');
const ZERO = new Uint8Array(32);

/**
 * Whether `signature` (r ‖ s, 64 bytes, low s) over a SHA-256 digest is by `pubkey` (33 bytes). Every condition of form is
 * checked here, so that the native library and its JavaScript stand-in cannot disagree about an edge; never throws.
 * @param by another implementation, for tests
 */
export function verifySignature(pubkey: Uint8Array, digest32: Uint8Array, signature: Uint8Array, by: Curve = curve): boolean {
  if (signature.length !== SIGNATURE_BYTES || digest32.length !== 32 || !hasFormOfKey(pubkey)) return false;
  const r = signature.subarray(0, 32);
  const s = signature.subarray(32);
  if (compareBytes(r, ZERO) === 0 || compareBytes(r, ORDER) >= 0) return false;
  if (compareBytes(s, ZERO) === 0 || compareBytes(s, HALF_ORDER) > 0) return false;
  return by.verify(pubkey, digest32, signature);
}

/** Whether these bytes are a compressed point of the curve. */
export function isPubkey(pubkey: Uint8Array, by: Curve = curve): boolean {
  return hasFormOfKey(pubkey) && by.isPoint(pubkey);
}

function hasFormOfKey(pubkey: Uint8Array): boolean {
  return pubkey.length === PUBKEY_BYTES && (pubkey[0] === 2 || pubkey[0] === 3);
}

const MAX_REMEMBERED = 16_384;

/** Remembers what was verified when a transaction entered the mempool, so that its block need not do it again. */
export class SignatureVerifier {
  /** Hashes of (key, digest, signature) that are valid, oldest first. */
  readonly #valid = new Set<string>();

  /** For the mempool: remembers a valid signature until a block asks for it. */
  verifyAndRemember(pubkey: Uint8Array, signBytes: Uint8Array, signature: Uint8Array): boolean {
    const { digest, name } = nameOf(pubkey, signBytes, signature);
    if (this.#valid.has(name)) return true;
    if (!verifySignature(pubkey, digest, signature)) return false;
    if (this.#valid.size >= MAX_REMEMBERED) {
      for (const oldest of this.#valid) {
        this.#valid.delete(oldest);
        break;
      }
    }
    this.#valid.add(name);
    return true;
  }

  /** For a block, which comes once: forgets what was remembered. */
  verify(pubkey: Uint8Array, signBytes: Uint8Array, signature: Uint8Array): boolean {
    const { digest, name } = nameOf(pubkey, signBytes, signature);
    return this.#valid.delete(name) || verifySignature(pubkey, digest, signature);
  }
}

function nameOf(pubkey: Uint8Array, signBytes: Uint8Array, signature: Uint8Array): { digest: Uint8Array; name: string } {
  const digest = sha256(signBytes);
  return { digest, name: hash('sha256', concatBytes(pubkey, digest, signature), 'binary') };
}
