/** The curve of accounts' keys: by a native library where it has one for this machine, else in JavaScript. */
import { createRequire } from 'node:module';

import type Secp256k1 from 'secp256k1';

export interface Curve {
  readonly name: 'native' | 'portable';
  /** Whether 33 bytes, the first of them 2 or 3, are a point. */
  isPoint(pubkey: Uint8Array): boolean;
  /** Of such a key, a digest of 32 bytes, and r and s, each from 1 to the group's order − 1. Never throws. */
  verify(pubkey: Uint8Array, digest32: Uint8Array, signature: Uint8Array): boolean;
}

/** Nothing where the library has no build for this machine. */
export function nativeCurve(): Curve | undefined {
  let native: typeof Secp256k1;
  try {
    // Its main module would fall back by itself, to a library that nobody looks after.
    native = createRequire(import.meta.url)('secp256k1/bindings.js') as typeof Secp256k1;
  } catch {
    return undefined;
  }
  return {
    name: 'native',
    isPoint: (pubkey) => native.publicKeyVerify(pubkey),
    verify: (pubkey, digest32, signature) => {
      try {
        return native.ecdsaVerify(signature, digest32, pubkey);
      } catch {
        return false; // no point
      }
    },
  };
}

/** Loads the portable one only where it is needed: it takes its part of a small process's memory. */
export const curve: Curve = nativeCurve() ?? (await import('./portable-curve.js')).portableCurve;
