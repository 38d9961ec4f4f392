/** Amino forms of our messages for wallets that sign JSON: Ledger, multisigs, Keplr in that mode. */
import type { AminoConverters } from '@cosmjs/stargate';

import { type AminoJson, aminoOf } from '../protocol/amino.js';
import { AMINO_MESSAGES, AMINO_PUBKEYS, type AminoMessage } from '../protocol/amino-messages.js';
import { InvalidInputError } from '../protocol/errors.js';

/** What cosmjs has no converters for: ours, governance v1, unjailing. */
const PREFIXES = ['/remes.remes.v1.', '/cosmos.gov.v1.', '/cosmos.slashing.v1beta1.'];

const camelCase = (key: string): string => key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const byName = new Map(Object.entries(AMINO_MESSAGES).map(([typeUrl, spec]) => [spec.name, { typeUrl, spec }]));
const pubkeyUrls = new Map(Object.entries(AMINO_PUBKEYS).map(([typeUrl, { name }]) => [name, typeUrl]));

function atomics(decimal: string): string {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(18, '0')).toString();
}

/** JSON as protobuf's own mapping has it, which the codecs read. */
function protoJson(value: AminoJson, path: string, rules: AminoMessage['rules']): unknown {
  const rule = rules?.[path];
  if (typeof value === 'string') {
    if (rule?.decimal === true) return atomics(value);
    if (rule?.duration === true) return { seconds: (BigInt(value) / 1_000_000_000n).toString(), nanos: Number(BigInt(value) % 1_000_000_000n) };
    return value;
  }
  if (Array.isArray(value)) return value.map((item: AminoJson) => protoJson(item, path, rules));
  if (typeof value !== 'object') return value;
  if ('type' in value && 'value' in value && typeof value['type'] === 'string') return anyJson(value['type'], value['value'] ?? {});
  const renamed = new Map(Object.entries(rules ?? {}).flatMap(([field, { name }]) => (name === undefined ? [] : [[name, field] as const])));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const field = renamed.get(key) ?? camelCase(key);
      return [field, protoJson(item, path === '' ? field : `${path}.${field}`, rules)];
    }),
  );
}

function anyJson(name: string, value: AminoJson): unknown {
  const pubkey = pubkeyUrls.get(name);
  if (pubkey !== undefined) throw new InvalidInputError(`${name}: keys stand in messages of cosmjs's own converters only`);
  const known = byName.get(name);
  if (known === undefined) throw new InvalidInputError(`${name} is the Amino name of no message of this chain`);
  const message = known.spec.codec.fromJSON(protoJson(value, '', known.spec.rules));
  return { typeUrl: known.typeUrl, value: Buffer.from(known.spec.codec.encode(message).finish()).toString('base64') };
}

/**
 * Converters for `new AminoTypes({ ...createDefaultAminoConverters(), ...createAminoConverters() })` of an unmodified
 * SigningStargateClient.
 */
export function createAminoConverters(): AminoConverters {
  const ours = Object.entries(AMINO_MESSAGES).filter(([typeUrl]) => PREFIXES.some((prefix) => typeUrl.startsWith(prefix)));
  return Object.fromEntries(
    ours.map(([typeUrl, { name, codec, rules }]) => [
      typeUrl,
      {
        aminoType: name,
        toAmino: (value: unknown) => aminoOf(typeUrl, codec.fromPartial(value)).value,
        fromAmino: (value: AminoJson) => codec.fromJSON(protoJson(value, '', rules)),
      },
    ]),
  );
}
