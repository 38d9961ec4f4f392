import type { RoleEvent } from '../../roles/role.js';

/** How a simulated miner cheats. */
export type Cheat = 'noise' | 'copy';

export interface WorkerAccount {
  readonly name: string;
  readonly part: 'miner' | 'proposer' | 'verifier';
  readonly privateKey: Uint8Array;
  readonly cheat?: Cheat;
}

/** What a role process is told when it starts; it comes over the channel, not the command line, since it holds keys. */
export interface WorkerStart {
  readonly type: 'start';
  readonly role: string;
  readonly nodeUrl: string;
  /** Nodes to ask while that one cannot be reached. */
  readonly otherUrls: readonly string[];
  /** Whether blocks wait for the roles. */
  readonly isPaced: boolean;
  readonly content: string;
  /** Counts of bytes moved survive a kill in this file. */
  readonly trafficFile: string;
  readonly accounts: readonly WorkerAccount[];
  readonly lastWindow: bigint;
}

export type WorkerMessage = { readonly type: 'event'; readonly event: RoleEvent } | { readonly type: 'fatal'; readonly code: string; readonly message: string };
