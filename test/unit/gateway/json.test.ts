import { type DescField, type DescMessage, type Message, ScalarType, create, toBinary, toJson } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BaseAccount } from '../../../src/protocol/gen/cosmos/auth/v1beta1/auth.js';
import { QueryAccountResponse } from '../../../src/protocol/gen/cosmos/auth/v1beta1/query.js';
import { TxResponse } from '../../../src/protocol/gen/cosmos/base/abci/v1beta1/abci.js';
import { Any } from '../../../src/protocol/gen/google/protobuf/any.js';
import { PageRequest } from '../../../src/protocol/gen/cosmos/base/query/v1beta1/pagination.js';
import { QueryInflationResponse } from '../../../src/protocol/gen/cosmos/mint/v1beta1/query.js';
import { QueryParamsResponse } from '../../../src/protocol/gen/cosmos/slashing/v1beta1/query.js';
import { QueryValidatorsRequest, QueryValidatorsResponse } from '../../../src/protocol/gen/cosmos/staking/v1beta1/query.js';
import { BondStatus, Validator } from '../../../src/protocol/gen/cosmos/staking/v1beta1/staking.js';
import { schema } from '../../../src/gateway/descriptors.js';
import { decFromWire, decToWire } from '../../../src/gateway/json/numbers.js';
import { jsonToMessage, messageBytes, setFromText } from '../../../src/gateway/json/read.js';
import { bytesToJson } from '../../../src/gateway/json/write.js';
import { StatusError } from '../../../src/gateway/status.js';

const message = (name: string): DescMessage => schema().message(name);
const ofCosmos = [...schema().registry].filter((type): type is DescMessage => type.kind === 'message' && /^(?:cosmos|remes|tendermint)\./.test(type.typeName));

/** A message with something in every field, down to a depth; of a oneof its first member. */
function filled(desc: DescMessage, depth: number): ReflectMessage {
  const result = reflect(desc, create(desc));
  for (const field of desc.fields) {
    if (field.oneof !== undefined && field !== field.oneof.fields[0]) continue;
    if (field.fieldKind === 'list') for (let i = 0; i < 2; i++) addItem(result, field, depth);
    else if (field.fieldKind === 'map') continue;
    else if (field.fieldKind !== 'message' || depth > 0) result.set(field, sample(field, depth));
  }
  return result;
}

function addItem(to: ReflectMessage, field: DescField & { fieldKind: 'list' }, depth: number): void {
  if (field.message === undefined || depth > 0) to.get(field).add(sample(field, depth));
}

function sample(field: DescField, depth: number): unknown {
  if (field.message?.typeName === 'google.protobuf.Any') {
    const desc = message('cosmos.base.v1beta1.Coin');
    const any = reflect(field.message, create(field.message));
    any.set(field.message.field['typeUrl']!, '/cosmos.bank.v1beta1.SendEnabled');
    any.set(field.message.field['value']!, toBinary(desc, create(desc, { denom: 'uremes' })));
    return any;
  }
  if (field.message !== undefined && /^google.protobuf.(?:Timestamp|Duration)$/.test(field.message.typeName)) {
    return reflect(field.message, create(field.message, { seconds: 1_700_000_000n, nanos: 120_000_000 }));
  }
  if (field.message !== undefined) return filled(field.message, depth - 1);
  if (field.enum !== undefined) return field.enum.values.at(-1)!.number;
  switch (field.scalar) {
    case ScalarType.STRING:
      return 'a "text" <of> ü';
    case ScalarType.BYTES:
      return Uint8Array.of(0, 255, 254, 62, 63);
    case ScalarType.BOOL:
      return true;
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return 9_007_199_254_740_993n;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return 18_446_744_073_709_551_615n;
    default:
      return 7;
  }
}

/** Whether the SDK's JSON of a message differs from protobuf's own anywhere below. */
function hasOwnNumbers(desc: DescMessage, seen = new Set<DescMessage>()): boolean {
  if (seen.has(desc)) return false;
  seen.add(desc);
  return desc.fields.some((field) => schema().numberKind(field) === 'dec' || (schema().numberKind(field) === 'int' && field.scalar === ScalarType.BYTES) || (field.message !== undefined && hasOwnNumbers(field.message, seen)));
}

describe('messages as JSON', () => {
  it('are what protobuf-es writes, wherever the SDK has nothing of its own', () => {
    const compared = ofCosmos.filter((desc) => !hasOwnNumbers(desc) && desc.fields.every((field) => field.message?.typeName !== desc.typeName));
    expect(compared.length).toBeGreaterThan(250);
    for (const desc of compared) {
      const { message: value } = filled(desc, 10) as { message: Message };
      const expected = toJson(desc, value, { alwaysEmitImplicit: true, useProtoFieldName: true, registry: schema().registry });
      expect({ [desc.typeName]: withoutAbsent(bytesToJson(desc, toBinary(desc, value))) }).toEqual({ [desc.typeName]: withoutAbsent(expected) });
    }
  });

  it('show every field of an empty message: null for messages and bytes, zero for what Go keeps by value', () => {
    expect(bytesToJson(message('cosmos.bank.v1beta1.QueryAllBalancesResponse'), new Uint8Array())).toEqual({ balances: [], pagination: null });
    expect(bytesToJson(message('cosmos.base.query.v1beta1.PageResponse'), new Uint8Array())).toEqual({ next_key: null, total: '0' });
    expect(bytesToJson(message('cosmos.base.v1beta1.Coin'), new Uint8Array())).toEqual({ denom: '', amount: '0' });
    expect(bytesToJson(message('cosmos.staking.v1beta1.Validator'), new Uint8Array())).toEqual({
      operator_address: '',
      consensus_pubkey: null,
      jailed: false,
      status: 'BOND_STATUS_UNSPECIFIED',
      tokens: '0',
      delegator_shares: '0.000000000000000000',
      description: { moniker: '', identity: '', website: '', security_contact: '', details: '' },
      unbonding_height: '0',
      unbonding_time: '0001-01-01T00:00:00Z',
      commission: {
        commission_rates: { rate: '0.000000000000000000', max_rate: '0.000000000000000000', max_change_rate: '0.000000000000000000' },
        update_time: '0001-01-01T00:00:00Z',
      },
      min_self_delegation: '0',
    });
    // A pointer in Go, since leaving it out means to leave it as it is.
    expect(bytesToJson(message('cosmos.staking.v1beta1.MsgEditValidator'), new Uint8Array())).toMatchObject({ commission_rate: null, min_self_delegation: null });
  });

  it('shift decimals in text and in bytes, and leave those of gov v1 alone', () => {
    expect(bytesToJson(message('cosmos.mint.v1beta1.QueryInflationResponse'), QueryInflationResponse.encode({ inflation: Buffer.from('130000000000000000') }).finish())).toEqual({
      inflation: '0.130000000000000000',
    });
    const params = QueryParamsResponse.fromPartial({
      params: { signedBlocksWindow: 100n, minSignedPerWindow: Buffer.from('500000000000000000'), downtimeJailDuration: { seconds: 600n, nanos: 0 }, slashFractionDoubleSign: Buffer.from('50000000000000000') },
    });
    expect(bytesToJson(message('cosmos.slashing.v1beta1.QueryParamsResponse'), QueryParamsResponse.encode(params).finish())).toEqual({
      params: {
        signed_blocks_window: '100',
        min_signed_per_window: '0.500000000000000000',
        downtime_jail_duration: '600s',
        slash_fraction_double_sign: '0.050000000000000000',
        slash_fraction_downtime: '0.000000000000000000',
      },
    });
    const tally = reflect(message('cosmos.gov.v1.TallyParams'), create(message('cosmos.gov.v1.TallyParams'), { quorum: '0.334000000000000000' }));
    expect(bytesToJson(tally.desc, messageBytes(tally))).toMatchObject({ quorum: '0.334000000000000000' });
  });

  it('show enums by name, numbers where there is no name, times with three decimals at a time, and an Any with its type', () => {
    const validators = QueryValidatorsResponse.fromPartial({
      validators: [Validator.fromPartial({ status: BondStatus.BONDED, tokens: '5', delegatorShares: '5000000000000000000', unbondingTime: { seconds: 0n, nanos: 120_000_000 } })],
    });
    expect(bytesToJson(message('cosmos.staking.v1beta1.QueryValidatorsResponse'), QueryValidatorsResponse.encode(validators).finish())).toMatchObject({
      validators: [{ status: 'BOND_STATUS_BONDED', delegator_shares: '5.000000000000000000', unbonding_time: '1970-01-01T00:00:00.120Z' }],
    });
    // Field 4 of a validator, its status, with a number of tomorrow.
    expect(bytesToJson(message('cosmos.staking.v1beta1.Validator'), Uint8Array.of(4 << 3, 77))).toMatchObject({ status: 77 });
    const account = { typeUrl: '/cosmos.auth.v1beta1.BaseAccount', value: BaseAccount.encode({ address: 'remes1x', pubKey: undefined, accountNumber: 3n, sequence: 4n }).finish() };
    expect(bytesToJson(message('cosmos.auth.v1beta1.QueryAccountResponse'), QueryAccountResponse.encode({ account }).finish())).toEqual({
      account: { '@type': '/cosmos.auth.v1beta1.BaseAccount', address: 'remes1x', pub_key: null, account_number: '3', sequence: '4' },
    });
  });

  it('are refused where they are nested without end, not run through', () => {
    const nest = (levels: number): Uint8Array => {
      let any = new Uint8Array();
      for (let i = 0; i < levels; i++) any = Any.encode({ typeUrl: '/google.protobuf.Any', value: any }).finish();
      return any;
    };
    expect(JSON.stringify(bytesToJson(message('google.protobuf.Any'), nest(20)))).toContain('google.protobuf.Any');
    expect(() => bytesToJson(message('google.protobuf.Any'), nest(200))).toThrow(StatusError);
  });

  it('show an Any that nobody can read as bytes', () => {
    const desc = message('cosmos.base.abci.v1beta1.TxResponse');
    for (const typeUrl of ['/cosmos.tx.v1beta1.Tx', '/a.message.of.tomorrow']) {
      const bytes = TxResponse.encode(TxResponse.fromPartial({ tx: { typeUrl, value: Uint8Array.of(255, 255) } })).finish();
      expect(bytesToJson(desc, bytes)).toMatchObject({ tx: { '@type': typeUrl, value: '//8=' } });
    }
  });
});

/** What one writer leaves out, the other writes as null. */
function withoutAbsent(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withoutAbsent);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(Object.entries(json).flatMap(([name, value]) => (value === null || value === '' ? [] : [[name, withoutAbsent(value)]])));
}

describe('requests', () => {
  it('survive being written and read, whatever they hold', () => {
    for (const desc of ofCosmos) {
      if (desc.typeName.startsWith('tendermint.') || hasOwnNumbers(desc)) continue;
      const bytes = messageBytes(filled(desc, 10));
      expect([desc.typeName, Buffer.from(messageBytes(jsonToMessage(desc, bytesToJson(desc, bytes)))).toString('hex')]).toEqual([desc.typeName, Buffer.from(bytes).toString('hex')]);
    }
  });

  it('take decimals with a point and send integers', () => {
    const desc = message('cosmos.staking.v1beta1.MsgCreateValidator');
    const read = bytesToJson(desc, messageBytes(jsonToMessage(desc, { commission: { rate: '0.1', max_rate: '1', max_change_rate: '0.01' }, min_self_delegation: '1' })));
    expect(read).toMatchObject({ commission: { rate: '0.100000000000000000', max_rate: '1.000000000000000000' }, min_self_delegation: '1' });
  });

  it('are read from URLs: nested names, enums by name and number, bytes in both alphabets and with a space for a plus', () => {
    const desc = message('cosmos.staking.v1beta1.QueryValidatorsRequest');
    const read = (pairs: Record<string, string[]>) => {
      const to = reflect(desc, create(desc));
      for (const [name, texts] of Object.entries(pairs)) setFromText(to, name, texts);
      return QueryValidatorsRequest.decode(messageBytes(to));
    };
    expect(read({ status: ['BOND_STATUS_BONDED'], 'pagination.limit': ['7'], 'pagination.count_total': ['true'], 'pagination.key': ['+/8='] })).toMatchObject({
      status: 'BOND_STATUS_BONDED',
      pagination: PageRequest.fromPartial({ limit: 7n, countTotal: true, key: Uint8Array.of(251, 255) }),
    });
    for (const key of ['-_8', ' /8=', '+/8']) expect(read({ 'pagination.key': [key] }).pagination!.key).toEqual(Uint8Array.of(251, 255));
    expect(read({ 'pagination.countTotal': ['1'] }).pagination!.countTotal).toBe(true);
    expect(read({ unknown: ['x'], 'pagination.unknown': ['x'] })).toEqual(QueryValidatorsRequest.fromPartial({ pagination: {} }));
  });

  it.each([
    ['pagination.limit', ['-1'], 'unsigned 64-bit'],
    ['pagination.limit', ['18446744073709551616'], 'unsigned 64-bit'],
    ['pagination.limit', ['1', '2'], 'one value'],
    ['pagination.limit', ['1.5'], 'unsigned 64-bit'],
    ['pagination.count_total', ['maybe'], 'true or false'],
    ['pagination.key', ['%%%'], 'base64'],
    ['pagination.limit.x', ['1'], 'no fields'],
    ['status.x', ['1'], 'no fields'],
  ])('with %s=%j are refused, naming the field', (name, texts, words) => {
    const desc = message('cosmos.staking.v1beta1.QueryValidatorsRequest');
    const set = () => setFromText(reflect(desc, create(desc)), name, texts);
    expect(set).toThrow(StatusError);
    expect(set).toThrow(name);
    expect(set).toThrow(words);
  });

  it.each([
    ['cosmos.tx.v1beta1.BroadcastTxRequest', { tx_bytes: 5 }, 'tx_bytes'],
    ['cosmos.tx.v1beta1.BroadcastTxRequest', { mode: 'BROADCAST_MODE_NEVER' }, 'mode'],
    ['cosmos.tx.v1beta1.BroadcastTxRequest', [], 'an object'],
    ['cosmos.tx.v1beta1.TxEncodeRequest', { tx: { body: { messages: {} } } }, 'a list'],
    ['cosmos.tx.v1beta1.TxEncodeRequest', { tx: { body: { messages: [{ '@type': '/none.Such' }] } } }, 'none.Such'],
    ['cosmos.tx.v1beta1.TxEncodeRequest', { tx: { body: { messages: ['x'] } } }, '@type'],
    ['cosmos.staking.v1beta1.MsgCreateValidator', { commission: { rate: '0.1234567890123456789' } }, 'at most 18 decimals'],
    ['cosmos.staking.v1beta1.Validator', { unbonding_time: 'yesterday' }, 'unbonding_time'],
  ])('%s of %j is refused', (type, json, words) => {
    const read = () => jsonToMessage(message(type), json);
    expect(read).toThrow(StatusError);
    expect(read).toThrow(words);
  });
});

describe('decimals', () => {
  it('are the integer over 10^18, both ways', () => {
    expect(['0', '1', '-1', '1500000000000000000', '-20000000000000000000', ''].map(decFromWire)).toEqual([
      '0.000000000000000000',
      '0.000000000000000001',
      '-0.000000000000000001',
      '1.500000000000000000',
      '-20.000000000000000000',
      '0.000000000000000000',
    ]);
    expect(['1', '0.5', '-0.0', '007.25'].map(decToWire)).toEqual(['1000000000000000000', '500000000000000000', '0', '7250000000000000000']);
    fc.assert(fc.property(fc.bigInt(), (value) => decToWire(decFromWire(value.toString())) === value.toString()));
  });
});
