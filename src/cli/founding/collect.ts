/** Puts gentxs into a genesis: validators, their delegations, the pool that holds these, and the keys of the beacon. Pure. */
import { BONDED_POOL } from '../../chain/modules/staking/index.js';
import { validatorToJson } from '../../chain/modules/staking/genesis.js';
import { moduleAddress } from '../../protocol/address.js';
import { toHex } from '../../protocol/bytes.js';
import { formatDecimal, toDecimal } from '../../protocol/decimal.js';
import { PubKey } from '../../protocol/gen/cosmos/crypto/ed25519/keys.js';
import { BondStatus, Validator } from '../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { consensusAddress, type GenesisDoc } from '../../protocol/genesis-doc.js';
import { UREMES_PER_REMES } from '../../protocol/params.js';
import { R3mesError } from '../../protocol/errors.js';
import { balancesOf, beaconKeysOf, stakingValidatorsOf, withBalances, withValidators } from './app-state.js';
import type { Gentx } from './gentx.js';

export interface NamedGentx extends Gentx {
  /** Its file, for errors. */
  readonly file: string;
}

export function gentxInvalid(file: string, why: string, hint = 'its validator makes it anew with: r3mes node genesis add-validator'): R3mesError {
  return new R3mesError({ code: 'GENTX_INVALID', message: `${file}: ${why}`, hint });
}

/** Each operator, consensus key, VRF key and peer once. @throws R3mesError GENTX_INVALID naming both files. */
export function refuseDoubles(gentxs: readonly NamedGentx[]): void {
  const parts: readonly (readonly [string, (one: Gentx) => string])[] = [
    ['operator', ({ operator }) => operator],
    ['consensus key', ({ consensusKey }) => toHex(consensusKey)],
    ['VRF key', ({ vrfPublicKey }) => toHex(vrfPublicKey)],
    ['node id', ({ peer }) => peer.split('@')[0] ?? peer],
  ];
  for (const [what, of] of parts) {
    const seen = new Map<string, string>();
    for (const one of gentxs) {
      const before = seen.get(of(one));
      if (before !== undefined) throw gentxInvalid(one.file, `its ${what} ${of(one)} is that of ${before} too`, 'each validator has one gentx: remove the wrong file');
      seen.set(of(one), one.file);
    }
  }
}

function validatorOf(gentx: Gentx): Validator {
  return Validator.fromPartial({
    operatorAddress: gentx.operator,
    consensusPubkey: { typeUrl: '/cosmos.crypto.ed25519.PubKey', value: PubKey.encode({ key: gentx.consensusKey }).finish() },
    status: BondStatus.BONDED,
    tokens: gentx.stake.toString(),
    delegatorShares: toDecimal(gentx.stake).toString(),
    description: gentx.description,
    unbondingTime: { seconds: 0n, nanos: 0 },
    commission: { commissionRates: gentx.commission, updateTime: { seconds: 0n, nanos: 0 } },
    minSelfDelegation: gentx.minSelfDelegation.toString(),
  });
}

export interface Collected {
  readonly genesis: GenesisDoc;
  /** Those that the genesis did not have yet. */
  readonly added: readonly NamedGentx[];
}

/**
 * The same genesis for the same gentxs, whoever collects them. One that is in it already changes nothing.
 * @throws R3mesError GENTX_INVALID naming the file: doubles, too few coins, or an operator that the genesis has otherwise.
 */
export function collectGentxs(genesis: GenesisDoc, gentxs: readonly NamedGentx[]): Collected {
  const sorted = [...gentxs].sort((a, b) => (a.operator < b.operator ? -1 : 1));
  refuseDoubles(sorted);
  const there = new Map(stakingValidatorsOf(genesis.appState).map((one) => [one.operatorAddress, JSON.stringify(validatorToJson(one))]));
  const added: NamedGentx[] = [];
  for (const one of sorted) {
    const before = there.get(one.operator);
    if (before === undefined) added.push(one);
    else if (before !== JSON.stringify(validatorToJson(validatorOf(one)))) {
      throw gentxInvalid(one.file, `the genesis has another validator of ${one.operator} already`, 'begin again from the genesis without validators');
    }
  }
  const balances = balancesOf(genesis.appState);
  const pool = moduleAddress(BONDED_POOL);
  for (const { account, stake, file } of added) {
    const has = balances.get(account) ?? 0n;
    if (has < stake) throw gentxInvalid(file, `${account} delegates ${stake} uremes, but the genesis gives it ${has}`, `give it more with: r3mes node genesis add-account ${account} AMOUNT`);
    if (stake < UREMES_PER_REMES) throw gentxInvalid(file, `expected a delegation of at least 1 REMES, which is voting power 1, got ${stake} uremes`);
    balances.set(account, has - stake);
    balances.set(pool, (balances.get(pool) ?? 0n) + stake);
  }
  refuseDoubleKeys(genesis, added);
  const appState = withValidators(withBalances(genesis.appState, balances), {
    validators: added.map((one) => validatorToJson(validatorOf(one))),
    delegations: added.map(({ account, operator, stake }) => ({ delegator_address: account, validator_address: operator, shares: formatDecimal(toDecimal(stake)) })),
    beaconKeys: added.map(({ consensusKey, vrfPublicKey }) => ({
      consensus_address: Buffer.from(consensusAddress(consensusKey)).toString('base64'),
      vrf_public_key: Buffer.from(vrfPublicKey).toString('base64'),
    })),
  });
  const validators = added.map(({ consensusKey, stake, description }) => ({
    address: consensusAddress(consensusKey),
    publicKey: consensusKey,
    power: stake / UREMES_PER_REMES,
    name: description.moniker,
  }));
  return { genesis: { ...genesis, validators: [...genesis.validators, ...validators], appState }, added };
}

/** Keys that the genesis has under another operator. */
function refuseDoubleKeys(genesis: GenesisDoc, added: readonly NamedGentx[]): void {
  const addresses = new Set(genesis.validators.map(({ address }) => toHex(address)));
  const vrfKeys = new Set(beaconKeysOf(genesis.appState).map(({ vrfPublicKey }) => toHex(vrfPublicKey)));
  for (const { consensusKey, vrfPublicKey, file } of added) {
    if (addresses.has(toHex(consensusAddress(consensusKey)))) throw gentxInvalid(file, 'the genesis has its consensus key under another validator already');
    if (vrfKeys.has(toHex(vrfPublicKey))) throw gentxInvalid(file, 'the genesis has its VRF key under another validator already');
  }
}
