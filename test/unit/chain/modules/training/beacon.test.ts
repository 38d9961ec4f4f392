import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { ExecutionContext } from '../../../../../src/chain/app/context.js';
import { beaconTx } from '../../../../../src/chain/modules/training/beacon.js';
import { TrainingState } from '../../../../../src/chain/modules/training/state.js';
import { concatBytes, toHex } from '../../../../../src/protocol/bytes.js';
import { nextBeacon } from '../../../../../src/protocol/commitments.js';
import { taggedHash } from '../../../../../src/protocol/hash.js';
import { vrfPublicKey } from '../../../../../src/protocol/vrf.js';
import { contextAt } from '../kit.js';

const SECRET = taggedHash('test-vrf');
const PROPOSER = new Uint8Array(20).fill(1);
const START = new Uint8Array(32).fill(9);
const state = new TrainingState();
const own = beaconTx(state, SECRET);

/** Height 5, after a beacon; the proposer has a VRF key unless told otherwise. */
function at(height = 5n, { hasKey = true, secret = SECRET } = {}): ExecutionContext {
  const ctx = contextAt(height, undefined, { proposerAddress: PROPOSER });
  state.setBeacon(ctx, { height: height - 1n, value: START });
  if (hasKey) state.setBeaconKey(ctx, { consensusAddress: PROPOSER, vrfPublicKey: vrfPublicKey(secret) });
  return ctx;
}

function beaconAfter(ctx: ExecutionContext, tx: Uint8Array | undefined): string {
  own.execute(ctx, tx);
  expect(state.beacon(ctx).height).toBe(ctx.block.height);
  return toHex(state.beacon(ctx).value);
}

const SKIPPED = toHex(nextBeacon(START, 5n, undefined));

describe('the beacon transaction', () => {
  it('moves the beacon by the proposer’s proof, the same for everybody who checks it', () => {
    const tx = own.build(at())!;
    expect(own.matches(tx)).toBe(true);
    expect(own.refusal(at(), tx)).toBeUndefined();
    const value = beaconAfter(at(), tx);
    expect(value).not.toBe(SKIPPED);
    expect(beaconAfter(at(), own.build(at()))).toBe(value);
  });

  it('is not built by a node without a key', () => {
    expect(beaconTx(state, undefined).build(at())).toBeUndefined();
  });

  it('is refused where it is missing, of a proposer without key, of another key, height or chain, or spoilt', () => {
    const tx = own.build(at())!;
    expect(own.refusal(at(), undefined)).toMatch(/expected a beacon transaction first: the proposer has a VRF key, got none/);
    expect(own.refusal(at(5n, { hasKey: false }), undefined)).toBeUndefined();
    expect(own.refusal(at(5n, { hasKey: false }), tx)).toMatch(/from a proposer without VRF key/);
    const spoilt = tx.map((byte, i) => (i === tx.length - 1 ? byte ^ 1 : byte));
    for (const [ctx, bytes] of [
      [at(5n, { secret: taggedHash('another') }), tx],
      [at(6n), tx],
      [at(), spoilt],
      [at(), concatBytes(tx, new Uint8Array(200))],
      [at(), tx.subarray(0, 20)],
    ] as const) {
      expect(own.refusal(ctx, bytes)).toMatch(/does not hold a valid proof for this height/);
      // A block that a faulty majority sealed all the same goes on with the beacon of a missing one.
      expect(beaconAfter(ctx, bytes)).toBe(toHex(nextBeacon(START, ctx.block.height, undefined)));
    }
  });

  it('throws for no bytes, and no bytes but a proof move the beacon', () => {
    expect(beaconAfter(at(), undefined)).toBe(SKIPPED);
    const prefix = own.build(at())!.subarray(0, 15);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (bytes, hasPrefix) => {
        expect(beaconAfter(at(), hasPrefix ? concatBytes(prefix, bytes) : bytes)).toBe(SKIPPED);
      }),
      { numRuns: 100 },
    );
  });
});
