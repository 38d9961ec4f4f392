import { concatBytes, equalBytes, utf8 } from '../../../protocol/bytes.js';
import { beaconAlpha, nextBeacon } from '../../../protocol/commitments.js';
import { BeaconTx } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import { VRF_PROOF_BYTES, vrfProve, vrfVerify } from '../../../protocol/vrf.js';
import type { Context, ProposerTx, QueryContext } from '../../module.js';
import type { TrainingState } from './state.js';

/** Begins with a byte that no protobuf transaction begins with. */
const PREFIX = concatBytes(Uint8Array.of(0xff), utf8('r3mes-beacon/1'));
const MAX_BYTES = PREFIX.length + VRF_PROOF_BYTES + 4;

function isBeacon(tx: Uint8Array): boolean {
  return tx.length >= PREFIX.length && equalBytes(tx.subarray(0, PREFIX.length), PREFIX);
}

/** VRF output of a well-formed proof for this block, or nothing. */
function outputOf(ctx: QueryContext, state: TrainingState, tx: Uint8Array): Uint8Array | undefined {
  const key = state.beaconKey(ctx, ctx.block.proposerAddress);
  if (key === undefined || !isBeacon(tx) || tx.length > MAX_BYTES) return undefined;
  let proof: Uint8Array;
  try {
    proof = BeaconTx.decode(tx.subarray(PREFIX.length)).proof;
  } catch {
    return undefined; // bytes that are no message are no beacon
  }
  const alpha = beaconAlpha(ctx.block.chainId, state.beacon(ctx).value, ctx.block.height);
  return vrfVerify(key.vrfPublicKey, alpha, proof);
}

/**
 * The beacon transaction: the proposer's VRF proof over the previous beacon. One proposer can bias it by one bit, by
 * leaving its block out; nobody can choose it.
 */
export function beaconTx(state: TrainingState, vrfSecret: Uint8Array | undefined): ProposerTx {
  return {
    matches: isBeacon,
    build: (ctx) => {
      if (vrfSecret === undefined) return undefined;
      const alpha = beaconAlpha(ctx.block.chainId, state.beacon(ctx).value, ctx.block.height);
      return concatBytes(PREFIX, BeaconTx.encode({ proof: vrfProve(vrfSecret, alpha).proof }).finish());
    },
    refusal: (ctx, tx) => {
      const hasKey = state.beaconKey(ctx, ctx.block.proposerAddress) !== undefined;
      if (tx === undefined) return hasKey ? 'expected a beacon transaction first: the proposer has a VRF key, got none' : undefined;
      if (!hasKey) return 'got a beacon transaction from a proposer without VRF key';
      return outputOf(ctx, state, tx) === undefined ? 'the beacon transaction does not hold a valid proof for this height' : undefined;
    },
    execute: (ctx: Context, tx) => {
      const output = tx === undefined ? undefined : outputOf(ctx, state, tx);
      const value = nextBeacon(state.beacon(ctx).value, ctx.block.height, output);
      state.setBeacon(ctx, { height: ctx.block.height, value });
    },
  };
}
