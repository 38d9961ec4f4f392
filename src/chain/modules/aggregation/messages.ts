import { isBitmapFor } from '../../../protocol/bitmap.js';
import { equalBytes } from '../../../protocol/bytes.js';
import { parseCid } from '../../../protocol/cid.js';
import { aggregationCommitment, aggregationResultHash, gradientsRoot } from '../../../protocol/commitments.js';
import type { ProposerRecord } from '../../../protocol/gen/remes/remes/v1/aggregation.js';
import { WindowPhase, type TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import {
  MsgAttestGradients,
  MsgAttestGradientsResponse,
  MsgCommitAggregation,
  MsgCommitAggregationResponse,
  MsgRevealAggregation,
  MsgRevealAggregationResponse,
} from '../../../protocol/gen/remes/remes/v1/tx.js';
import { defineMessage, type Context, type MessageHandler } from '../../module.js';
import { aggregationError } from './errors.js';
import type { AggregationKeeper } from './keeper.js';

const HASH_BYTES = 32;
const MAX_BITMAP_BYTES = 16_384;

function checkLength(name: string, bytes: Uint8Array): void {
  if (bytes.length !== HASH_BYTES) throw aggregationError('INVALID_MESSAGE', `${name}: expected ${HASH_BYTES} bytes, got ${bytes.length}`);
}

/** The window in the phase that a message needs, and the sender's record as a drawn proposer. */
function findRecord(
  ctx: Context,
  keeper: AggregationKeeper,
  windowId: bigint,
  proposer: string,
  phase: WindowPhase,
): { window: TrainingWindow; record: ProposerRecord } {
  const window = keeper.training.state.window(ctx, windowId);
  if (window === undefined) throw aggregationError('UNKNOWN_WINDOW', `window ${windowId} does not exist`);
  if (window.phase !== phase) {
    throw aggregationError(
      'WRONG_PHASE',
      `expected window ${windowId} to be ${WindowPhase[phase].toLowerCase()}, it is ${WindowPhase[window.phase].toLowerCase()}`,
    );
  }
  const record = keeper.record(ctx, windowId, proposer);
  if (record === undefined) throw aggregationError('NOT_DRAWN', `${proposer} was not drawn as proposer of window ${windowId}`);
  return { window, record };
}

function attest(ctx: Context, keeper: AggregationKeeper, msg: MsgAttestGradients): void {
  const { window, record } = findRecord(ctx, keeper, msg.windowId, msg.proposer, WindowPhase.ATTESTING);
  if (record.attested) throw aggregationError('ALREADY_DONE', `${msg.proposer} has attested window ${msg.windowId} already`);
  if (!isBitmapFor(msg.bitmap, window.gradientCount)) {
    throw aggregationError('INVALID_MESSAGE', `bitmap: expected ${window.gradientCount} bits without others set, got ${msg.bitmap.length} bytes`);
  }
  keeper.save(ctx, { ...record, attested: true, attestation: msg.bitmap });
}

function commit(ctx: Context, keeper: AggregationKeeper, msg: MsgCommitAggregation): void {
  const { record } = findRecord(ctx, keeper, msg.windowId, msg.proposer, WindowPhase.COMMITTING);
  if (record.commitment.length > 0) throw aggregationError('ALREADY_DONE', `${msg.proposer} has committed for window ${msg.windowId} already`);
  if (!record.owesCommit) throw aggregationError('NOTHING_OWED', `${msg.proposer} did not attest every included gradient of window ${msg.windowId}`);
  keeper.save(ctx, { ...record, commitment: msg.commitment });
}

function reveal(ctx: Context, keeper: AggregationKeeper, msg: MsgRevealAggregation): void {
  const { window, record } = findRecord(ctx, keeper, msg.windowId, msg.proposer, WindowPhase.REVEALING);
  const { result } = msg;
  if (result === undefined) throw aggregationError('INVALID_MESSAGE', 'result: expected one, got none');
  if (record.revealed) throw aggregationError('ALREADY_DONE', `${msg.proposer} has revealed for window ${msg.windowId} already`);
  if (!equalBytes(result.resultHash, aggregationResultHash(window.baseAdapterCid, result))) {
    throw aggregationError('INVALID_MESSAGE', 'result_hash: expected the hash of the other fields and the base adapter');
  }
  const commitment = aggregationCommitment(ctx.block.chainId, window.id, msg.proposer, result.resultHash, msg.participants, msg.salt);
  if (!equalBytes(commitment, record.commitment)) {
    throw aggregationError('COMMITMENT_MISMATCH', 'expected the values and the salt that were committed to');
  }
  const same = msg.participants.length === window.included.length && msg.participants.every((id, i) => id === window.included[i]);
  if (!same) throw aggregationError('WRONG_PARTICIPANTS', `expected participants ${window.included.join(',')}, got ${msg.participants.join(',')}`);
  const included = window.included.flatMap((id) => keeper.training.state.gradient(ctx, id) ?? []);
  if (result.step !== window.baseStep + 1n) throw aggregationError('INVALID_MESSAGE', `step: expected ${window.baseStep + 1n}, got ${result.step}`);
  if (!equalBytes(result.merkleRoot, gradientsRoot(included))) {
    throw aggregationError('INVALID_MESSAGE', 'merkle_root: expected the root over the included gradients');
  }
  keeper.save(ctx, { ...record, revealed: true, result, participants: msg.participants, revealedHeight: ctx.block.height });
}

export function aggregationMessages(keeper: AggregationKeeper): MessageHandler[] {
  return [
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgAttestGradients',
      message: MsgAttestGradients,
      response: MsgAttestGradientsResponse,
      signer: (msg) => msg.proposer,
      checkStateless: (msg) => {
        if (msg.bitmap.length > MAX_BITMAP_BYTES) {
          throw aggregationError('INVALID_MESSAGE', `bitmap: expected at most ${MAX_BITMAP_BYTES} bytes, got ${msg.bitmap.length}`);
        }
      },
      execute: (ctx, msg) => {
        attest(ctx, keeper, msg);
        ctx.emit({ type: 'attest_gradients', attributes: { window_id: msg.windowId.toString(), proposer: msg.proposer } });
        return {};
      },
    }),
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgCommitAggregation',
      message: MsgCommitAggregation,
      response: MsgCommitAggregationResponse,
      signer: (msg) => msg.proposer,
      checkStateless: (msg) => checkLength('commitment', msg.commitment),
      execute: (ctx, msg) => {
        commit(ctx, keeper, msg);
        ctx.emit({ type: 'commit_aggregation', attributes: { window_id: msg.windowId.toString(), proposer: msg.proposer } });
        return {};
      },
    }),
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgRevealAggregation',
      message: MsgRevealAggregation,
      response: MsgRevealAggregationResponse,
      signer: (msg) => msg.proposer,
      checkStateless: (msg) => {
        checkLength('salt', msg.salt);
        parseCid(msg.result?.adapterCid ?? '');
        parseCid(msg.result?.optimizerCid ?? '');
        checkLength('aggregate_hash', msg.result?.aggregateHash ?? new Uint8Array());
        checkLength('merkle_root', msg.result?.merkleRoot ?? new Uint8Array());
        checkLength('result_hash', msg.result?.resultHash ?? new Uint8Array());
      },
      execute: (ctx, msg) => {
        reveal(ctx, keeper, msg);
        ctx.emit({
          type: 'reveal_aggregation',
          attributes: { window_id: msg.windowId.toString(), proposer: msg.proposer, adapter_cid: msg.result?.adapterCid ?? '' },
        });
        return {};
      },
    }),
  ];
}
