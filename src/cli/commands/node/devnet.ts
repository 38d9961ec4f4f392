import path from 'node:path';

import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import type { JsonObject } from '../../frame/json.js';
import { R3mesError } from '../../../protocol/errors.js';
import { usageError } from '../../frame/errors.js';
import { SEQUENCE_LENGTH } from '../../devnet/model.js';
import { short } from '../../devnet/names.js';
import type { DevnetOutcome } from '../../devnet/outcome.js';
import { runDevnet, type DevnetOptions } from '../../devnet/run.js';
import { nodeHome } from '../../node/home.js';
import type { Engine } from '../../node/settings.js';

export interface DevnetArgs {
  readonly rounds: number;
  readonly miners: number;
  readonly cheaters: number;
  readonly chunkTokens: number;
  readonly engine: Engine;
  readonly validators: number;
  readonly cometbft: string | undefined;
  readonly data: string | undefined;
  readonly seed: string | undefined;
  readonly port: number;
  readonly keep: boolean;
}

const PROPOSERS = 3;
const VERIFIERS = 10;

function summary(outcome: DevnetOutcome): string {
  const ratio = Number(outcome.bytesFullModel) / Number(outcome.bytesMoved);
  return [
    `held-out loss  ${outcome.heldOutLossBefore.toFixed(4)} → ${outcome.heldOutLossAfter.toFixed(4)} nats a token`,
    `tokens trained ${outcome.tokensTrained}`,
    `bytes moved    ${outcome.bytesMoved}, with fp32 tensors of the full model ${outcome.bytesFullModel} (${ratio.toFixed(1)} times as many)`,
    `adapter        ${outcome.adapterCid}`,
    `chain          height ${outcome.height}, application hash ${short(outcome.appHash)}`,
    `slashed        ${outcome.cheatersSlashed} for cheating, ${outcome.honestSlashed} honest`,
    `balances       every account, the supply and the escrow reconcile to the last uremes`,
  ].join('\n');
}

/** A count as a JSON number, which every script can compare, as long as it is exact. */
function count(n: bigint): number | bigint {
  return n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n;
}

/** The result line; what must hold (`mustHold`) is not repeated in it. */
function resultOf(outcome: DevnetOutcome): JsonObject {
  return {
    heldOutLossBefore: outcome.heldOutLossBefore,
    heldOutLossAfter: outcome.heldOutLossAfter,
    tokensTrained: outcome.tokensTrained,
    bytesMoved: count(outcome.bytesMoved),
    bytesFullModel: count(outcome.bytesFullModel),
    adapterCid: outcome.adapterCid,
    appHash: outcome.appHash,
    height: count(outcome.height),
    honestSlashed: outcome.honestSlashed,
    cheatersSlashed: outcome.cheatersSlashed,
    balancesReconciled: outcome.balancesReconciled,
  };
}

/** A run that proves the wrong thing is a failure, not a result. */
function mustHold(outcome: DevnetOutcome): void {
  if (!outcome.balancesReconciled) {
    throw new R3mesError({ code: 'BOOKS_DO_NOT_BALANCE', message: `the books do not balance: ${outcome.differences.slice(0, 3).join('; ')}` });
  }
  if (outcome.honestSlashed > 0) {
    throw new R3mesError({ code: 'HONEST_SLASHED', message: `${outcome.honestSlashed} honest accounts were slashed` });
  }
  if (outcome.uncaught.length > 0) {
    throw new R3mesError({ code: 'CHEATER_NOT_CAUGHT', message: `${outcome.uncaught.join(', ')}: wrong gradients were submitted and nobody was slashed for them` });
  }
}

/** What does not go together. */
function checkEngine({ engine, validators, seed }: DevnetArgs): void {
  if (engine === 'solo' && validators > 1) throw usageError(`--validators is ${validators}, expected 1: several validators need --engine comet`);
  if (engine === 'comet' && seed !== undefined) throw usageError('--seed needs --engine solo: under CometBFT blocks come as time passes, so no two runs have the same');
}

async function cometPath(ctx: Context, given: string | undefined): Promise<string> {
  const { findComet } = await import('../../../chain/comet/binary.js');
  const { file } = await findComet({ given: given === undefined ? undefined : path.resolve(ctx.io.cwd, given), folder: nodeHome(ctx.paths).engine, search: ctx.io.env['PATH'] ?? '' });
  return file;
}

export async function nodeDevnet(ctx: Context, args: DevnetArgs, parts: Pick<DevnetOptions, 'workerFile'> = {}): Promise<CommandResult> {
  const { rounds, miners, cheaters, chunkTokens, engine, validators, data, seed, port, keep } = args;
  checkEngine(args);
  if (chunkTokens > SEQUENCE_LENGTH && chunkTokens % SEQUENCE_LENGTH !== 0) {
    throw usageError(`--chunk-tokens is ${chunkTokens}, expected at most ${SEQUENCE_LENGTH} or a multiple of it: that is the model's sequence length`);
  }
  const outcome = await runDevnet(ctx, {
    root: path.join(ctx.paths.data, 'devnet'),
    settings: {
      rounds,
      miners,
      cheaters,
      proposers: PROPOSERS,
      verifiers: VERIFIERS,
      chunkTokens,
      ...(engine === 'solo' ? {} : { validators }),
      ...(data === undefined ? {} : { data: path.resolve(data) }),
      ...(seed === undefined ? {} : { seed }),
    },
    port,
    keep,
    ...(engine === 'solo' ? {} : { cometbft: await cometPath(ctx, args.cometbft) }),
    ...parts,
  });
  mustHold(outcome);
  return { data: resultOf(outcome), text: summary(outcome) };
}
