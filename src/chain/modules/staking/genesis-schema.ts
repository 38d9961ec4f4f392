import { z } from 'zod';

import { PubKey } from '../../../protocol/gen/cosmos/crypto/ed25519/keys.js';
import { BondStatus } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { checkOperatorAddress } from '../../../protocol/validator-address.js';
import {
  addressField,
  amountField,
  bytesField,
  decimalField,
  durationField,
  message,
  positiveUint32Field,
  timeField,
  uint32Field,
  uint64Field,
  viaParser,
} from '../genesis-fields.js';
import { ED25519_TYPE_URL } from './messages.js';

/** `app_state.staking` in the Cosmos SDK's JSON: decimals as fractions, periods in seconds, times as RFC 3339. */

const operatorField = viaParser(checkOperatorAddress);
const decimalOnWire = decimalField.transform((value) => value.toString());

const consensusPubkey = z
  .strictObject({ '@type': z.literal(ED25519_TYPE_URL), key: bytesField(32) })
  .transform(({ key }) => ({ typeUrl: ED25519_TYPE_URL, value: PubKey.encode({ key }).finish() }));

const status = z
  .enum(['BOND_STATUS_UNBONDED', 'BOND_STATUS_UNBONDING', 'BOND_STATUS_BONDED'])
  .transform((name) => BondStatus[name.replace('BOND_STATUS_', '') as 'UNBONDED' | 'UNBONDING' | 'BONDED']);

const description = message({
  moniker: z.string(),
  identity: z.string().default(''),
  website: z.string().default(''),
  security_contact: z.string().default(''),
  details: z.string().default(''),
});

const commission = message({
  commission_rates: message({ rate: decimalOnWire, max_rate: decimalOnWire, max_change_rate: decimalOnWire }),
  update_time: timeField,
});

const validator = message({
  operator_address: operatorField,
  consensus_pubkey: consensusPubkey,
  jailed: z.boolean().default(false),
  status,
  tokens: amountField,
  delegator_shares: decimalOnWire,
  description,
  unbonding_height: uint64Field.default(0n),
  unbonding_time: timeField.default({ seconds: 0n, nanos: 0 }),
  commission,
  min_self_delegation: amountField,
});

const delegation = message({ delegator_address: addressField, validator_address: operatorField, shares: decimalOnWire });

const unbonding = message({
  delegator_address: addressField,
  validator_address: operatorField,
  entries: z
    .array(message({ creation_height: uint64Field, completion_time: timeField, initial_balance: amountField, balance: amountField }))
    .min(1),
});

const redelegation = message({
  delegator_address: addressField,
  validator_src_address: operatorField,
  validator_dst_address: operatorField,
  entries: z
    .array(message({ creation_height: uint64Field, completion_time: timeField, initial_balance: amountField, shares_dst: decimalOnWire }))
    .min(1),
});

const params = message({
  unbonding_time: durationField.transform((seconds) => ({ seconds, nanos: 0 })),
  max_validators: positiveUint32Field,
  max_entries: positiveUint32Field,
  historical_entries: uint32Field,
  bond_denom: z.string(),
  min_commission_rate: decimalOnWire,
});

export const stakingGenesis = message({
  params: params.optional(),
  /** Written by an export; recomputed from the validators. */
  last_total_power: z.string().optional(),
  last_validator_powers: z.array(z.unknown()).optional(),
  validators: z.array(validator).default([]),
  delegations: z.array(delegation).default([]),
  unbonding_delegations: z.array(unbonding).default([]),
  redelegations: z.array(redelegation).default([]),
  /** The state of a former chain: what other modules hold of its delegations is in their own parts. */
  exported: z.boolean().default(false),
});

export type StakingGenesis = z.output<typeof stakingGenesis>;
