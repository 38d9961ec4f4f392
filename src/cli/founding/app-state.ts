/** The parts of `app_state` that change while a network is founded, read and written as JSON. Pure. */
import { z } from 'zod';

import { coins } from '../../protocol/coins.js';
import { addressField, bytesField } from '../../chain/modules/genesis-fields.js';
import { coinsField, parseFields } from '../../chain/modules/genesis.js';
import { stakingGenesis } from '../../chain/modules/staking/genesis-schema.js';
import type { Validator } from '../../protocol/gen/cosmos/staking/v1beta1/staking.js';

export type AppState = Readonly<Record<string, unknown>>;

const HINT = 'correct the genesis file; nothing was written';

const bankSchema = z.looseObject({ balances: z.array(z.strictObject({ address: addressField, coins: coinsField })).default([]) });
const beaconKeysSchema = z.looseObject({ beacon_keys: z.array(z.looseObject({ consensus_address: bytesField(20), vrf_public_key: bytesField(32) })).default([]) });
const looseSchema = z.looseObject({ validators: z.array(z.unknown()).default([]), delegations: z.array(z.unknown()).default([]) });

/** Uremes by address, in the order of the file. @throws InvalidInputError naming the wrong field. */
export function balancesOf(state: AppState): Map<string, bigint> {
  const { balances } = parseFields('app_state.bank', bankSchema, state['bank'] ?? {}, HINT);
  return new Map(balances.map(({ address, coins: amount }) => [address, amount]));
}

/** The same state with these balances; a supply that is written down follows them. */
export function withBalances(state: AppState, balances: ReadonlyMap<string, bigint>): AppState {
  const bank = z.looseObject({}).parse(state['bank'] ?? {});
  const list = [...balances].filter(([, amount]) => amount > 0n).map(([address, amount]) => ({ address, coins: coins(amount) }));
  const supply = bank['supply'] === undefined ? {} : { supply: coins(totalOf(balances)) };
  return { ...state, bank: { ...bank, balances: list, ...supply } };
}

export function totalOf(balances: ReadonlyMap<string, bigint>): bigint {
  return [...balances.values()].reduce((sum, amount) => sum + amount, 0n);
}

/** Who validates by stake. @throws InvalidInputError naming the wrong field. */
export function stakingValidatorsOf(state: AppState): readonly Validator[] {
  return parseFields('app_state.staking', stakingGenesis, state['staking'] ?? {}, HINT).validators.map((one) => one);
}

/** Consensus addresses and VRF keys. @throws InvalidInputError naming the wrong field. */
export function beaconKeysOf(state: AppState): readonly { readonly consensusAddress: Uint8Array; readonly vrfPublicKey: Uint8Array }[] {
  const { beacon_keys: keys } = parseFields('app_state.training', beaconKeysSchema, state['training'] ?? {}, HINT);
  return keys.map((key) => ({ consensusAddress: key.consensus_address, vrfPublicKey: key.vrf_public_key }));
}

/** What one validator adds, each in the JSON of its module. */
export interface Additions {
  readonly validators: readonly unknown[];
  readonly delegations: readonly unknown[];
  readonly beaconKeys: readonly unknown[];
}

export function withValidators(state: AppState, { validators, delegations, beaconKeys }: Additions): AppState {
  const staking = looseSchema.parse(state['staking'] ?? {});
  const training = z.looseObject({ beacon_keys: z.array(z.unknown()).default([]) }).parse(state['training'] ?? {});
  return {
    ...state,
    staking: { ...staking, validators: [...staking.validators, ...validators], delegations: [...staking.delegations, ...delegations] },
    training: { ...training, beacon_keys: [...training.beacon_keys, ...beaconKeys] },
  };
}
