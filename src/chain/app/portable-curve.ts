/** secp256k1 where no native library is at hand: the same answers, some thirty times slower. */
import { secp256k1 } from '@noble/curves/secp256k1.js';

import type { Curve } from './curve.js';

export const portableCurve: Curve = {
  name: 'portable',
  isPoint: (pubkey) => secp256k1.utils.isValidPublicKey(pubkey, true),
  verify: (pubkey, digest32, signature) => {
    try {
      // The signature is over the digest itself, and its form is checked by the caller.
      return secp256k1.verify(signature, digest32, pubkey, { prehash: false, lowS: false, format: 'compact' });
    } catch {
      return false; // a key or numbers that are none
    }
  },
};
