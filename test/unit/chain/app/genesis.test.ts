import { beforeAll, describe, expect, it } from 'vitest';

import { createApp } from '../../../../src/chain/app/app.js';
import { buildAppState } from '../../../../src/chain/app/genesis-state.js';
import { createModules } from '../../../../src/chain/app/modules.js';
import { MemoryDatabase } from '../../../../src/chain/store/memory.js';
import { moduleAddress } from '../../../../src/protocol/address.js';
import { utf8 } from '../../../../src/protocol/bytes.js';
import { cidOfBytes } from '../../../../src/protocol/cid.js';
import { InvalidInputError } from '../../../../src/protocol/errors.js';
import { Model } from '../../../../src/protocol/gen/remes/remes/v1/model.js';
import { profile } from '../../../../src/protocol/params.js';
import { CONSENSUS_PARAMS, testAccount } from '../../../app/harness.js';

const CID = cidOfBytes(utf8('anything')).toString();
const MINER = testAccount('miner').address;

/** A genesis that is fine, as JSON. */
function goodState(): Record<string, unknown> {
  return buildAppState({
    profile: profile('dev'),
    balances: new Map([[testAccount('treasury').address, 1_000_000n]]),
    nodes: [{ address: MINER, part: 'PART_MINER', stake: 1_000_000_000n }],
    models: [
      Model.fromPartial({
        id: 1n,
        name: 'test',
        backboneCid: CID,
        tokenizerCid: CID,
        sequenceLength: 256,
        arithmeticVersion: 1,
        vocabSize: 1024,
        layerCount: 4,
        lora: { rank: 8, alpha: 16, targets: ['q_proj', 'v_proj'] },
        optimizer: { clipNormBits: 0x3f800000 },
        adapterParameters: 1n,
        fullParameters: 2n,
        adapterCid: CID,
      }),
    ],
    datasets: [{ name: 'test', manifestCid: CID, tokenizerCid: CID, chunkTokens: 256, trainingChunks: 9, heldOutChunks: 1 }],
    beacon: new Uint8Array(32),
    beaconKeys: [{ consensusAddress: new Uint8Array(20), vrfPublicKey: new Uint8Array(32) }],
  });
}

function request(appState: unknown) {
  return {
    time: { seconds: 1_700_000_000n, nanos: 0 },
    chainId: 'r3mes-test',
    consensusParams: CONSENSUS_PARAMS,
    validators: [],
    appStateBytes: utf8(typeof appState === 'string' ? appState : JSON.stringify(appState)),
    initialHeight: 1n,
  };
}

function newApp() {
  return createApp({ database: new MemoryDatabase(), report: () => undefined, ...createModules() });
}

/** The genesis with the value at a path like `challenge.params.bond` changed, or removed where it is undefined. */
function changed(path: string, value: unknown): Record<string, unknown> {
  const state = structuredClone(goodState());
  const names = path.split('.');
  let at = state;
  for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>;
  at[names.at(-1) ?? ''] = value; // JSON leaves out what is undefined
  return state;
}

describe('a genesis', () => {
  let app: ReturnType<typeof newApp>;
  beforeAll(() => {
    app = newApp();
  });

  it.each([
    ['auth.params.max_tx_bytes', '1023', /app_state\.auth\.params\.max_tx_bytes: expected at least 1024/],
    ['auth.params.min_gas_price_micro', 2500, /app_state\.auth\.params\.min_gas_price_micro: .*string/],
    ['auth.accounts', ['remes1nobody'], /app_state\.auth\.accounts\[0\]: expected an address of 44 characters/],
    ['bank.supply', [{ denom: 'uremes', amount: '5' }], /app_state\.bank\.supply: expected the sum of balances \d+, got 5/],
    ['bank.balances.0.coins', [{ denom: 'uatom', amount: '5' }], /app_state\.bank\.balances\[0\]\.coins\[0\]\.denom/],
    ['bank.balances.0.coins', [{ denom: 'uremes', amount: '05' }], /expected an amount in whole uremes, got "05"/],
    ['bank.balances.0.address', moduleAddress('node'), /app_state\.bank\.balances\[1\]\.address: \w+ is named twice/],
    ['bank.balances.1.coins', [{ denom: 'uremes', amount: '7' }], /expected 1000000000 uremes for the stake escrow remes1\w+, got 7/],
    ['node.params.bounty_bps', 5001, /app_state\.node\.params\.bounty_bps: at most half of a slash/],
    ['node.params.epoch_blocks', '0', /app_state\.node\.params\.epoch_blocks: expected an integer above 0/],
    ['node.params.epoch_blocks', '18446744073709551616', /expected an unsigned 64-bit integer/],
    ['node.params.max_missed_in_a_row', undefined, /app_state\.node\.params\.max_missed_in_a_row/],
    ['node.registrations.0.stake', '999999999', /registrations\.0\.stake: expected at least 1000000000 uremes, got 999999999/],
    ['node.registrations.0.part', 'PART_SERVING', /app_state\.node\.registrations\[0\]\.part/],
    ['node.registrations.0.payout_address', moduleAddress('challenge'), /payout_address: expected an account with a key, got remes1\w+, which belongs to a module/],
    ['node.registrations.0.address', moduleAddress('node'), /registrations\.0\.address: expected an account with a key/],
    ['node.typo', 1, /app_state\.node: Unrecognized key: "typo"/],
    ['training.params.max_gradients_per_block', 10_001, /app_state\.training\.params\.max_gradients_per_block/],
    ['training.params.chunks_per_job', 0, /app_state\.training\.params\.chunks_per_job/],
    ['training.beacon', 'AAAA', /app_state\.training\.beacon: expected 32 bytes/],
    ['training.beacon_keys.0.consensus_address', 'AAAA', /consensus_address: expected 20 bytes/],
    ['aggregation.params.attesting_blocks', '1', /app_state\.aggregation\.params\.attesting_blocks: expected at least 2/],
    ['aggregation.params.missing_slash_bps', 10_001, /app_state\.aggregation\.params\.missing_slash_bps/],
    ['aggregation.params.proposers_per_window', 101, /app_state\.aggregation\.params\.proposers_per_window/],
    ['challenge.params.bond', '0', /app_state\.challenge\.params\.bond: expected a bond above 0/],
    ['challenge.params.panel_size', 4, /app_state\.challenge\.params\.panel_size: expected an odd number/],
    ['challenge.params.report_reveal_blocks', '3', /report_reveal_blocks: expected less than report_margin_blocks/],
    ['challenge.params.challenge_blocks', '4', /report_margin_blocks: expected at least 2 less than challenge_blocks/],
    ['challenge.params.layer2_blocks', '1', /report_reveal_blocks: expected less than layer2_blocks/],
    ['reward.params.miner_share_bps', 9000, /miner_share_bps: expected the three shares to be at most 10000 together/],
    ['reward.params.nominal_block_ms', '0', /app_state\.reward\.params\.nominal_block_ms/],
    ['model.models.0.adapter_cid', 'Qm', /app_state\.model\.models\[0\]\.adapter_cid/],
    ['model.models.0.lora.targets', ['v_proj', 'q_proj'], /expected targets without repetition in the order q_proj/],
    ['model.models.0.lora.rank', 65, /app_state\.model\.models\[0\]\.lora\.rank/],
    ['dataset.datasets.0.training_chunks', 0, /app_state\.dataset\.datasets\[0\]\.training_chunks/],
    ['governance', {}, /app_state\.governance: no module of this name; expected auth, bank, staking/],
  ])('with another %s is refused by its name', async (path, value, error) => {
    const refusal = await app.initChain(request(changed(path, value))).then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(refusal).toBeInstanceOf(InvalidInputError);
    expect((refusal as InvalidInputError).message).toMatch(error);
  });

  it('with a node twice, or a part of no address, is refused', async () => {
    const state = goodState();
    const registrations = (state['node'] as { registrations: unknown[] }).registrations;
    registrations.push(registrations[0]);
    await expect(app.initChain(request(state))).rejects.toThrow(/registrations\.1: remes1\w+ stands twice for PART_MINER/);
  });

  it.each([
    ['challenge.params.wrong_gradient_slash_bps', 0],
    ['challenge.params.audit_floor_bps', 0],
    ['node.params.min_stake_miner', '0'],
  ])('under which cheating pays (%s %s) is refused', async (path, value) => {
    await expect(app.initChain(request(changed(path, value)))).rejects.toThrow(/cheating would pay/);
  });

  it('of a thousandfold reward is refused as one under which cheating pays, where not every job is audited', async () => {
    const state = changed('challenge.params.audit_floor_bps', 100);
    (state['reward'] as { params: Record<string, unknown> }).params['miner_base'] = '2000000000';
    await expect(app.initChain(request(state))).rejects.toThrow(/cheating would pay: .*\(100 × 500000000\) above .*\(9900 × 4000000000\)/);
  });

  it.each([
    ['{', /app_state is not JSON/],
    ['[]', /app_state: expected an object with one entry a module/],
    ['null', /app_state: expected an object/],
  ])('that is %s is refused', async (text, error) => {
    await expect(app.initChain(request(text))).rejects.toThrow(error);
  });

  it('of another version, or without a chain id or a time, is refused', async () => {
    const good = request(goodState());
    await expect(app.initChain({ ...good, chainId: '' })).rejects.toThrow(/chain_id: expected a name, got none/);
    await expect(app.initChain({ ...good, time: undefined })).rejects.toThrow(/expected a time since 1970, got none/);
    await expect(app.initChain({ ...good, consensusParams: { ...CONSENSUS_PARAMS, version: { app: 2n } } })).rejects.toThrow(/version\.app: expected 1, got 2/);
  });

  it('that is fine is taken after all those that were not, and gives the root that it gives in a fresh application', async () => {
    const { appHash } = await app.initChain(request(goodState()));
    expect(appHash).toEqual((await newApp().initChain(request(goodState()))).appHash);
    await expect(app.commit()).rejects.toMatchObject({ code: 'NOTHING_TO_COMMIT' });
  });
});
