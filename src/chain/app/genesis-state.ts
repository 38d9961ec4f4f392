import { moduleAddress } from '../../protocol/address.js';
import { coins } from '../../protocol/coins.js';
import { formatDecimal, toDecimal } from '../../protocol/decimal.js';
import type { Dataset } from '../../protocol/gen/remes/remes/v1/dataset.js';
import type { Model } from '../../protocol/gen/remes/remes/v1/model.js';
import type { Profile } from '../../protocol/params.js';
import { operatorOfAccount } from '../../protocol/validator-address.js';
import { BONDED_POOL } from '../modules/staking/index.js';
import { distributionParamsJson } from '../modules/distribution/index.js';
import { govParamsJson } from '../modules/gov/index.js';
import { STAKE_ESCROW } from './modules.js';

export interface GenesisNode {
  readonly address: string;
  readonly part: 'PART_MINER' | 'PART_PROPOSER' | 'PART_VERIFIER';
  readonly stake: bigint;
  readonly payoutAddress?: string;
}

export interface GenesisStakingValidator {
  /** The account that runs it, and delegates to it. */
  readonly address: string;
  /** ed25519, 32 bytes. */
  readonly consensusKey: Uint8Array;
  /** Uremes; whole REMES are its voting power. */
  readonly selfDelegation: bigint;
  readonly moniker: string;
}

export interface GenesisSpec {
  readonly profile: Profile;
  /** Who validates by stake; where nobody does, the validators of the genesis document stay for ever. */
  readonly validators?: readonly GenesisStakingValidator[];
  /** Liquid coins, in uremes; stakes and delegations come on top of them. */
  readonly balances: ReadonlyMap<string, bigint>;
  readonly nodes: readonly GenesisNode[];
  readonly models: readonly Model[];
  readonly datasets: readonly Omit<Dataset, 'id' | 'status'>[];
  /** 32 bytes: the beacon before block 1. */
  readonly beacon: Uint8Array;
  readonly beaconKeys: readonly { readonly consensusAddress: Uint8Array; readonly vrfPublicKey: Uint8Array }[];
}

/** 5 % to the validator, which may ask up to 20 % and change by a point a day. */
const GENESIS_COMMISSION = { rate: '0.05', max_rate: '0.2', max_change_rate: '0.01' } as const;

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

/** All of them are bonded, so that no coin moves before the first block, where no event would tell of it. */
function stakingState(validators: readonly GenesisStakingValidator[]): Record<string, unknown> {
  const decimal = (amount: bigint): string => formatDecimal(toDecimal(amount));
  return {
    validators: validators.map(({ address, consensusKey, selfDelegation, moniker }) => ({
      operator_address: operatorOfAccount(address),
      consensus_pubkey: { '@type': '/cosmos.crypto.ed25519.PubKey', key: consensusKey },
      status: 'BOND_STATUS_BONDED',
      tokens: selfDelegation,
      delegator_shares: decimal(selfDelegation),
      description: { moniker },
      commission: { commission_rates: GENESIS_COMMISSION, update_time: '1970-01-01T00:00:00Z' },
      min_self_delegation: '1',
    })),
    delegations: validators.map(({ address, selfDelegation }) => ({
      delegator_address: address,
      validator_address: operatorOfAccount(address),
      shares: decimal(selfDelegation),
    })),
  };
}

/** `app_state` of genesis.json: every module's part, the escrow holding exactly the genesis stakes. */
export function buildAppState(spec: GenesisSpec): Record<string, unknown> {
  const { profile } = spec;
  const balances = new Map(spec.balances);
  const escrow = spec.nodes.reduce((sum, node) => sum + node.stake, 0n);
  if (escrow > 0n) balances.set(moduleAddress(STAKE_ESCROW), escrow);
  const validators = spec.validators ?? [];
  const delegated = validators.reduce((sum, { selfDelegation }) => sum + selfDelegation, 0n);
  if (delegated > 0n) balances.set(moduleAddress(BONDED_POOL), delegated);
  const state = {
    auth: {
      params: Object.fromEntries(Object.entries(profile.auth).map(([key, value]) => [key, String(value)])),
      accounts: [],
    },
    bank: { balances: [...balances].filter(([, amount]) => amount > 0n).map(([address, amount]) => ({ address, coins: coins(amount) })) },
    staking: stakingState(validators),
    node: { params: profile.node, registrations: spec.nodes },
    model: { models: spec.models },
    dataset: { datasets: spec.datasets },
    training: { params: profile.training, beacon: spec.beacon, beaconKeys: spec.beaconKeys },
    challenge: { params: profile.challenge },
    aggregation: { params: profile.aggregation },
    reward: { params: profile.reward },
    distribution: { params: distributionParamsJson(profile.distribution) },
    gov: { params: govParamsJson(profile.gov) },
  };
  return toJson(state) as Record<string, unknown>;
}
