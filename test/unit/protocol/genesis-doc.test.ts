import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { genesisDocToJson, parseGenesisDoc } from '../../../src/protocol/genesis-doc.js';

const recorded = (JSON.parse(readFileSync('test/vectors/cometbft/blocks.json', 'utf8')) as { genesis: Record<string, unknown> }).genesis;
const [validator] = recorded['validators'] as Record<string, unknown>[];

function parse(overrides: Record<string, unknown>): ReturnType<typeof parseGenesisDoc> {
  return parseGenesisDoc(JSON.stringify({ ...recorded, ...overrides }));
}

describe('parseGenesisDoc', () => {
  it("reads CometBFT's genesis and writes it back", () => {
    const doc = parse({ app_state: { bank: { balances: [] } } });
    expect(doc.initialHeight).toBe(1n);
    expect(doc.consensusParams.block).toEqual({ maxBytes: 22_020_096n, maxGas: -1n });
    expect(doc.consensusParams.evidence!.maxAgeDuration).toEqual({ seconds: 172_800n, nanos: 0 });
    expect(doc.validators[0]!.power).toBe(10n);
    const json = genesisDocToJson(doc);
    expect(json).toEqual({ ...recorded, app_state: { bank: { balances: [] } } });
    expect(parseGenesisDoc(JSON.stringify(json))).toEqual(doc);
  });

  it('fills in what may be left out', () => {
    const doc = parseGenesisDoc('{"genesis_time":"2026-01-01T00:00:00Z","chain_id":"a-1"}');
    expect(doc).toMatchObject({ initialHeight: 1n, validators: [], appState: {} });
    expect(doc.consensusParams.version).toEqual({ app: 0n });
    expect(parse({ initial_height: '0' }).initialHeight).toBe(1n);
    expect(parse({ initial_height: 7 }).initialHeight).toBe(7n);
    expect(parse({ consensus_params: { version: {}, abci: {} } }).consensusParams.block!.maxBytes).toBe(22_020_096n);
    expect(parse({ validators: [{ ...validator, address: undefined, name: undefined }] }).validators[0]!.name).toBe('');
    expect(parse({ app_hash: 'AB' }).appHash).toEqual(Uint8Array.of(0xab));
  });

  const cases: [Record<string, unknown>, RegExp][] = [
    [{ genesis_time: 'yesterday' }, /genesis_time: expected a time like/],
    [{ genesis_time: undefined }, /genesis_time/],
    [{ chain_id: '' }, /chain_id: expected letters/],
    [{ chain_id: 'x'.repeat(51) }, /chain_id/],
    [{ initial_height: '-1' }, /initial_height: expected an integer of at least 0/],
    [{ initial_height: '9223372036854775808' }, /initial_height: expected a signed 64-bit integer/],
    [{ initial_height: 1.5 }, /initial_height/],
    [{ app_hash: 'xyz' }, /app_hash: expected hexadecimal/],
    [{ app_state: [] }, /app_state/],
    [{ validaters: [] }, /Unrecognized key.*validaters/],
    [{ validators: [{ ...validator, power: '0' }] }, /validators\[0\]\.power: expected an integer of at least 1/],
    [{ validators: [{ ...validator, address: '00'.repeat(20) }] }, /validators\[0\]\.address: expected [0-9A-F]{40}, the address of its pub_key, got 0000/],
    [{ validators: [validator, validator] }, /validators\[1\]: this validator is listed twice/],
    [{ validators: [{ ...validator, power: '9223372036854775807' }] }, /validators: expected a total power of at most/],
    [{ validators: [{ ...validator, pub_key: { type: 'tendermint/PubKeySecp256k1', value: 'AAAA' } }] }, /validators\[0\]\.pub_key\.type/],
    [{ validators: [{ ...validator, pub_key: { type: 'tendermint/PubKeyEd25519', value: 'AAAA' } }] }, /pub_key\.value: expected 32 bytes/],
    [{ consensus_params: { block: { max_bytes: '0', max_gas: '-1' } } }, /consensus_params\.block\.max_bytes: expected -1 or 1 to/],
    [{ consensus_params: { block: { max_bytes: '1', max_gas: '-2' } } }, /max_gas: expected an integer of at least -1/],
    [{ consensus_params: { block: { max_bytes: '1' } } }, /max_gas/],
    [{ consensus_params: { validator: { pub_key_types: ['secp256k1'] } } }, /pub_key_types\[0\]/],
  ];
  it.each(cases)('names the wrong field of %j', (overrides, message) => {
    expect(() => parse(overrides)).toThrow(message);
  });

  it('says how many more are wrong, and what is no JSON or too long', () => {
    const broken = { genesis_time: 1, chain_id: 1, initial_height: 'x', app_hash: 1, app_state: 1, validators: 1, consensus_params: 1 };
    expect(() => parseGenesisDoc(JSON.stringify(broken))).toThrow(/; and 2 more$/);
    expect(() => parseGenesisDoc('{')).toThrow(/is not JSON/);
    expect(() => parseGenesisDoc('3')).toThrow(/genesis document: the document:/);
    expect(() => parseGenesisDoc(' '.repeat(64 * 1024 * 1024 + 1))).toThrow(/at most/);
  });
});
