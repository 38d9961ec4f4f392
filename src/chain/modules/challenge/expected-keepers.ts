import type { Part, Registration } from '../../../protocol/gen/remes/remes/v1/node.js';
import type { ProposerRecord } from '../../../protocol/gen/remes/remes/v1/aggregation.js';
import type { StoredGradient } from '../../../protocol/gen/remes/remes/v1/stored_gradient.js';
import type { Job, TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import type { Candidate } from '../../../protocol/sampling.js';
import type { Context, QueryContext } from '../../module.js';

/** What the challenge module needs of others. */

export interface Bank {
  send(ctx: Context, from: string, to: string, amount: bigint): void;
  burn(ctx: Context, from: string, amount: bigint): void;
}

export interface Nodes {
  eligible(ctx: QueryContext, part: Part): Candidate[];
  registration(ctx: QueryContext, part: Part, address: string): Registration | undefined;
  hold(ctx: Context, part: Part, address: string): void;
  release(ctx: Context, part: Part, address: string): void;
  freeze(ctx: Context, address: string): void;
  unfreeze(ctx: Context, address: string): void;
  slash(
    ctx: Context,
    order: {
      part: Part;
      address: string;
      bps: number;
      reason: string;
      windowId: bigint;
      caseId?: bigint;
      bountyTo?: string | undefined;
      proven?: boolean;
    },
  ): bigint;
}

export interface Training {
  readonly state: {
    window(ctx: QueryContext, id: bigint): TrainingWindow | undefined;
    saveWindow(ctx: Context, window: TrainingWindow): void;
    unsettled(ctx: QueryContext): TrainingWindow[];
    gradient(ctx: QueryContext, id: bigint): StoredGradient | undefined;
    gradients(ctx: QueryContext, window: TrainingWindow): StoredGradient[];
    saveGradient(ctx: Context, gradient: StoredGradient): void;
    jobOfMiner(ctx: QueryContext, windowId: bigint, miner: string): Job | undefined;
    beacon(ctx: QueryContext): { readonly value: Uint8Array };
  };
}

export interface Aggregation {
  records(ctx: QueryContext, window: TrainingWindow): ProposerRecord[];
  punishWrong(
    ctx: Context,
    windowId: bigint,
    isWrong: (resultHash: Uint8Array) => boolean,
    caseId: bigint,
    bountyTo: string | undefined,
  ): void;
  resolveDispute(ctx: Context, windowId: bigint, truth: Uint8Array | undefined): void;
  revert(ctx: Context, windowId: bigint): void;
}

export interface Keepers {
  readonly bank: Bank;
  readonly nodes: Nodes;
  readonly training: Training;
  readonly aggregation: Aggregation;
}
