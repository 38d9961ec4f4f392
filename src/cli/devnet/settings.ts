import path from 'node:path';

import { z } from 'zod';

/** What one run of the devnet is about. Kept in devnet.json: the same settings continue a run, others begin a new one. */
export const settingsSchema = z.strictObject({
  rounds: z.int().min(1),
  miners: z.int().min(1),
  cheaters: z.int().min(0),
  proposers: z.int().min(1),
  verifiers: z.int().min(1),
  chunkTokens: z.int().min(16),
  /** Nodes under CometBFT; absent: one validator, alone in the devnet's process. */
  validators: z.int().min(1).optional(),
  /** Absolute path; absent: the sample dataset. */
  data: z.string().optional(),
  seed: z.string().optional(),
});

export type DevnetSettings = z.infer<typeof settingsSchema>;

export const runSchema = z.strictObject({
  version: z.literal(1),
  settings: settingsSchema,
  chainId: z.string(),
  /** 0: any free port each time. */
  port: z.int(),
  heldOutLossBefore: z.number(),
  finished: z.boolean(),
});

export type DevnetRun = z.infer<typeof runSchema>;

/** Folders and files of a devnet's home. */
export interface DevnetHome {
  readonly root: string;
  readonly runFile: string;
  readonly keysFile: string;
  readonly content: string;
  readonly state: string;
  readonly blocks: string;
  readonly genesisFile: string;
  readonly validatorKeyFile: string;
  /** Homes of the nodes under CometBFT: node0, node1, … */
  readonly nodes: string;
  readonly traffic: string;
  readonly logs: string;
  /** What the run leaves: the trained adapter in PEFT's form. */
  readonly adapter: string;
}

export function devnetHome(root: string): DevnetHome {
  const below = (...parts: string[]): string => path.join(root, ...parts);
  return {
    root,
    runFile: below('devnet.json'),
    keysFile: below('keys.json'),
    content: below('content'),
    state: below('chain', 'state'),
    blocks: below('chain', 'blocks'),
    genesisFile: below('chain', 'genesis.json'),
    validatorKeyFile: below('chain', 'priv_validator_key.json'),
    nodes: below('nodes'),
    traffic: below('traffic'),
    logs: below('logs'),
    adapter: below('adapter'),
  };
}
