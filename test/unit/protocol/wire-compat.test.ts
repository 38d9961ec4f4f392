/**
 * The generated codecs against two implementations that share no code with them: protobufjs, which reads the .proto
 * files itself, for every message; and cosmjs-types, generated from the original .proto files of CometBFT and the
 * Cosmos SDK, for those that engines and wallets send.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

import * as theirAuth from 'cosmjs-types/cosmos/auth/v1beta1/auth';
import * as theirAuthQuery from 'cosmjs-types/cosmos/auth/v1beta1/query';
import * as theirBank from 'cosmjs-types/cosmos/bank/v1beta1/bank';
import * as theirBankQuery from 'cosmjs-types/cosmos/bank/v1beta1/query';
import * as theirBankTx from 'cosmjs-types/cosmos/bank/v1beta1/tx';
import * as theirBaseAbci from 'cosmjs-types/cosmos/base/abci/v1beta1/abci';
import * as theirSecp256k1 from 'cosmjs-types/cosmos/crypto/secp256k1/keys';
import * as theirService from 'cosmjs-types/cosmos/tx/v1beta1/service';
import * as theirTx from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import * as theirAbci from 'cosmjs-types/tendermint/abci/types';
import * as theirParams from 'cosmjs-types/tendermint/types/params';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { fromHex, toHex } from '../../../src/protocol/bytes.js';

interface Codec {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}
type Codecs = Record<string, Codec>;

const GENERATED = 'src/protocol/gen';
const OURS = [
  ...readdirSync('proto/remes/remes/v1').map((name) => `remes/remes/v1/${name}`),
  'tendermint/abci/types.proto',
  'tendermint/types/params.proto',
  'cosmos/auth/v1beta1/auth.proto',
  'cosmos/auth/v1beta1/query.proto',
  'cosmos/bank/v1beta1/bank.proto',
  'cosmos/bank/v1beta1/query.proto',
  'cosmos/bank/v1beta1/tx.proto',
  'cosmos/base/v1beta1/coin.proto',
  'cosmos/crypto/secp256k1/keys.proto',
  'cosmos/base/abci/v1beta1/abci.proto',
  'cosmos/tx/v1beta1/service.proto',
  'cosmos/tx/v1beta1/tx.proto',
];

const THEIRS: Readonly<Record<string, object>> = {
  'tendermint/abci/types.proto': theirAbci,
  'tendermint/types/params.proto': theirParams,
  'cosmos/auth/v1beta1/auth.proto': theirAuth,
  'cosmos/auth/v1beta1/query.proto': theirAuthQuery,
  'cosmos/bank/v1beta1/bank.proto': theirBank,
  'cosmos/bank/v1beta1/query.proto': theirBankQuery,
  'cosmos/bank/v1beta1/tx.proto': theirBankTx,
  'cosmos/base/abci/v1beta1/abci.proto': theirBaseAbci,
  'cosmos/crypto/secp256k1/keys.proto': theirSecp256k1,
  'cosmos/tx/v1beta1/tx.proto': theirTx,
  'cosmos/tx/v1beta1/service.proto': theirService,
};

/** Whole blocks in gRPC answers, which nobody here gives: larger and deeper than all the rest together. */
const NOT_GIVEN = new Set(['GetBlockWithTxsResponse', 'GetTxsEventResponse']);

/** Values that are not the default, which a canonical encoding would leave out. */
const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  bool: fc.constant(true),
  int32: fc.oneof(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: -(2 ** 31), max: -1 })),
  uint32: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  fixed32: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  int64: fc.oneof(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), fc.bigInt({ min: -(2n ** 63n), max: -1n })).map(String),
  uint64: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(String),
};

const DEPTH = 5;

/** Any message of a type, as protobufjs takes it; nested ones down to `depth`. `full` ones lack no field. */
function anyMessage(type: protobuf.Type, full: boolean, depth = DEPTH): fc.Arbitrary<Record<string, unknown>> {
  const fields = type.fieldsArray
    .filter((field) => depth > 0 || !(field.resolve().resolvedType instanceof protobuf.Type))
    .map((field): [string, fc.Arbitrary<unknown>] => {
      const one = anyValue(field, full, depth);
      const value = field.repeated ? fc.array(one, { minLength: 1, maxLength: 3 }) : one;
      return [field.name, full ? value : fc.option(value, { nil: undefined, freq: 3 })];
    });
  return fc.tuple(fc.record(Object.fromEntries(fields)), fc.nat()).map(([message, choice]) => {
    const kept = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined));
    for (const oneof of type.oneofsArray) {
      const present = oneof.fieldsArray.map(({ name }) => name).filter((name) => name in kept);
      for (const name of present) if (name !== present[choice % present.length]) Reflect.deleteProperty(kept, name);
    }
    return kept;
  });
}

function anyValue(field: protobuf.Field, full: boolean, depth: number): fc.Arbitrary<unknown> {
  field.resolve();
  if (field.map) throw new Error(`maps have no order, and ${field.fullName} is one: an application may not use them`);
  if (field.resolvedType instanceof protobuf.Enum) {
    const values = Object.values(field.resolvedType.values).filter((value) => value !== 0);
    return fc.constantFrom(...values);
  }
  if (field.resolvedType instanceof protobuf.Type) return anyMessage(field.resolvedType, full, depth - 1);
  const scalar = scalars[field.type];
  if (scalar === undefined) throw new Error(`no values for type ${field.type} of ${field.fullName}`);
  return scalar;
}

/** One form for what three implementations call a message: 64-bit numbers as text, bytes as hex, nothing empty. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  if (isLong(value)) {
    const bits = (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0);
    return (value.unsigned ? bits : BigInt.asIntN(64, bits)).toString();
  }
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    if (item === undefined || item === null || item === '' || item === 0 || item === 0n || item === false) continue;
    if ((Array.isArray(item) || item instanceof Uint8Array) && item.length === 0) continue;
    if (isLong(item) && item.low === 0 && item.high === 0) continue;
    if (isUnion(item)) out[item.$case] = plain(item.value);
    // protobufjs brings an Any of its own, which keeps the name of the .proto file.
    else out[key === 'type_url' ? 'typeUrl' : key] = plain(item);
  }
  return out;
}

/** How protobufjs holds 64-bit numbers. */
function isLong(value: unknown): value is protobuf.Long {
  return typeof value === 'object' && value !== null && 'low' in value && 'high' in value && 'unsigned' in value;
}

/** How ts-proto holds a oneof. */
function isUnion(value: unknown): value is { $case: string; value: unknown } {
  return typeof value === 'object' && value !== null && '$case' in value && 'value' in value;
}

const root = new protobuf.Root();
root.resolvePath = (_origin, target) =>
  ['proto', 'node_modules/@protobufs'].map((folder) => path.join(folder, target)).find((file) => existsSync(file)) ?? null;

function messagesOf(file: string): protobuf.Type[] {
  const found: protobuf.Type[] = [];
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const nested of namespace.nestedArray) {
      if (nested instanceof protobuf.Type && nested.filename?.endsWith(file) === true) found.push(nested);
      if (nested instanceof protobuf.Namespace) visit(nested);
    }
  };
  visit(root);
  return found;
}

/** The name under which ts-proto exports a message: its nesting joined by underscores. */
function exportedName(type: protobuf.Type): string {
  return type.parent instanceof protobuf.Type ? `${exportedName(type.parent)}_${type.name}` : type.name;
}

async function oursOf(file: string): Promise<Codecs> {
  return (await import(path.resolve(GENERATED, file.replace(/\.proto$/, '.ts')))) as Codecs;
}

beforeAll(async () => {
  await root.load([...OURS]);
  root.resolveAll();
});

describe('every message, against protobufjs', () => {
  it.each(OURS)('%s', async (file) => {
    const codecs = await oursOf(file);
    const types = messagesOf(file);
    expect(types.length).toBeGreaterThan(0);
    for (const type of types.filter(({ name }) => !NOT_GIVEN.has(name))) {
      const ours = codecs[exportedName(type)]!;
      fc.assert(
        fc.property(anyMessage(type, false), (message) => {
          const theirBytes = type.encode(type.fromObject(message)).finish();
          const read = ours.decode(theirBytes);
          expect(plain(read), `reading ${type.fullName}`).toEqual(plain(message));
          const back = type.decode(ours.encode(read).finish());
          expect(plain(type.toObject(back)), `writing ${type.fullName}`).toEqual(plain(message));
        }),
        { numRuns: 100 },
      );
    }
  });
});

describe('what engines and wallets send, against cosmjs-types', () => {
  it.each(OURS.filter((file) => file in THEIRS))('%s', async (file) => {
    const codecs = await oursOf(file);
    const theirs = THEIRS[file] as Codecs;
    let compared = 0;
    for (const type of messagesOf(file)) {
      const name = exportedName(type);
      const their = theirs[name];
      if (their === undefined || NOT_GIVEN.has(name)) continue;
      compared++;
      const ours = codecs[name]!;
      fc.assert(
        // Full ones, since cosmjs-types reads and writes some absent messages as empty ones, as gogoproto does.
        fc.property(anyMessage(type, true), (message) => {
          const bytes = ours.encode(ours.decode(type.encode(type.fromObject(message)).finish())).finish();
          const read = their.decode(bytes);
          expect(plain(read), `${type.fullName} read by cosmjs-types`).toEqual(plain(message));
          expect(toHex(their.encode(read).finish()), `${type.fullName} written by cosmjs-types`).toBe(toHex(bytes));
        }),
        { numRuns: 100 },
      );
    }
    expect(compared).toBeGreaterThan(0);
  });
});

interface Vectors {
  valid: { message: string; bytes: string }[];
}

describe('bytes that cosmjs-types once wrote', () => {
  const { valid } = JSON.parse(readFileSync('test/vectors/tx/wire.json', 'utf8')) as Vectors;

  it.each(valid)('$message', async ({ message, bytes }) => {
    const type = root.lookupType(message);
    const file = OURS.find((name) => type.filename?.endsWith(name));
    const ours = (await oursOf(file!))[exportedName(type)]!;
    const read = ours.decode(fromHex(bytes));
    expect(toHex(ours.encode(read).finish())).toBe(bytes);
    expect(plain(read)).toEqual(plain(type.toObject(type.decode(fromHex(bytes)))));
  });
});
