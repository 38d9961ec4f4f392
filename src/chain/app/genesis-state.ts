import { moduleAddress } from '../../protocol/address.js';
import { coins } from '../../protocol/coins.js';
import type { Dataset } from '../../protocol/gen/remes/remes/v1/dataset.js';
import type { Model } from '../../protocol/gen/remes/remes/v1/model.js';
import type { Profile } from '../../protocol/params.js';
import { STAKE_ESCROW } from './modules.js';

export interface GenesisNode {
  readonly address: string;
  readonly part: 'PART_MINER' | 'PART_PROPOSER' | 'PART_VERIFIER';
  readonly stake: bigint;
  readonly payoutAddress?: string;
}

export interface GenesisSpec {
  readonly profile: Profile;
  /** Liquid coins, in uremes; stakes come on top of them. */
  readonly balances: ReadonlyMap<string, bigint>;
  readonly nodes: readonly GenesisNode[];
  readonly models: readonly Model[];
  readonly datasets: readonly Omit<Dataset, 'id' | 'status'>[];
  /** 32 bytes: the beacon before block 1. */
  readonly beacon: Uint8Array;
  readonly beaconKeys: readonly { readonly consensusAddress: Uint8Array; readonly vrfPublicKey: Uint8Array }[];
}

function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [snakeCase(key), toJson(item)]));
}

function snakeCase(key: string): string {
  return key.replace(/([A-Z])/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `app_state` of genesis.json: every module's part, the escrow holding exactly the genesis stakes. */
export function buildAppState(spec: GenesisSpec): Record<string, unknown> {
  const { profile } = spec;
  const balances = new Map(spec.balances);
  const escrow = spec.nodes.reduce((sum, node) => sum + node.stake, 0n);
  if (escrow > 0n) balances.set(moduleAddress(STAKE_ESCROW), escrow);
  const state = {
    auth: {
      params: Object.fromEntries(Object.entries(profile.auth).map(([key, value]) => [key, String(value)])),
      accounts: [],
    },
    bank: { balances: [...balances].filter(([, amount]) => amount > 0n).map(([address, amount]) => ({ address, coins: coins(amount) })) },
    node: { params: profile.node, registrations: spec.nodes },
    model: { models: spec.models },
    dataset: { datasets: spec.datasets },
    training: { params: profile.training, beacon: spec.beacon, beaconKeys: spec.beaconKeys },
    challenge: { params: profile.challenge },
    aggregation: { params: profile.aggregation },
    reward: { params: profile.reward },
  };
  return toJson(state) as Record<string, unknown>;
}
