/**
 * Messages in the JSON of the SDK's gateway (gogoproto's jsonpb with EmitDefaults and OrigName), which is not quite
 * protobuf's own: every field is there, unset messages and empty bytes are null, messages that Go keeps by value are never
 * null, an Any carries its type and its fields, decimals have a point.
 */
import { type DescField, type DescMessage, type MessageShape, ScalarType, create, fromBinary } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';

import { formatRfc3339 } from '../../protocol/rfc3339.js';
import { schema } from '../descriptors.js';
import { invalidArgument } from '../status.js';
import { decFromWire, intFromWire } from './numbers.js';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Messages in messages; more is nobody's honest record. */
const MAX_DEPTH = 64;
const ZERO_TIME = '0001-01-01T00:00:00Z';

/** @throws Error where the bytes are no such message: the node answered nonsense. */
export function bytesToJson(desc: DescMessage, bytes: Uint8Array): Json {
  return messageToJson(desc, reflect(desc, fromBinary(desc, bytes)), 0);
}

export function valueToJson(desc: DescMessage, message: MessageShape<DescMessage>): Json {
  return messageToJson(desc, reflect(desc, message), 0);
}

function messageToJson(desc: DescMessage, message: ReflectMessage, depth: number): Json {
  if (depth > MAX_DEPTH) throw invalidArgument(`${desc.typeName}: nested more than ${MAX_DEPTH} deep`);
  const wellKnown = WELL_KNOWN[desc.typeName];
  if (wellKnown !== undefined) return wellKnown(message, depth);
  const json: Record<string, Json> = {};
  for (const field of desc.fields) {
    // Of a oneof only the member that is set is shown.
    if (field.oneof !== undefined && !message.isSet(field)) continue;
    json[field.name] = fieldToJson(field, message, depth);
  }
  return json;
}

function fieldToJson(field: DescField, message: ReflectMessage, depth: number): Json {
  switch (field.fieldKind) {
    case 'message':
      if (message.isSet(field)) return messageToJson(field.message, message.get(field), depth + 1);
      if (!schema().isByValue(field)) return null;
      if (field.message.typeName === 'google.protobuf.Timestamp') return ZERO_TIME;
      return messageToJson(field.message, reflect(field.message, create(field.message)), depth + 1);
    case 'enum':
      return enumToJson(field, message.get(field));
    case 'scalar':
      return scalarToJson(field, message.get(field));
    case 'list':
      return Array.from(message.get(field), (item) => itemToJson(field, item, depth));
    case 'map':
      return Object.fromEntries(Array.from(message.get(field), ([key, item]) => [String(key), itemToJson(field, item, depth)]));
  }
}

type ItemField = DescField & { readonly fieldKind: 'list' | 'map' };

function itemToJson(field: ItemField, item: unknown, depth: number): Json {
  const kind = field.fieldKind === 'list' ? field.listKind : field.mapKind;
  if (kind === 'message' && field.message !== undefined) return messageToJson(field.message, item as ReflectMessage, depth + 1);
  if (kind === 'enum') return enumToJson(field, item as number);
  return plainScalar(item, field.scalar);
}

function enumToJson(field: DescField, value: number): Json {
  return field.enum?.value[value]?.name ?? value;
}

function scalarToJson(field: DescField & { readonly fieldKind: 'scalar' }, value: unknown): Json {
  const kind = schema().numberKind(field);
  if (kind === undefined) return plainScalar(value, field.scalar);
  // A pointer in Go: absent is absent, and not zero.
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value);
  if (text === '' && !schema().isByValue(field)) return null;
  return kind === 'dec' ? decFromWire(text) : intFromWire(text);
}

function plainScalar(value: unknown, type: ScalarType | undefined): Json {
  if (value instanceof Uint8Array) return value.length === 0 && type === ScalarType.BYTES ? null : toBase64(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return value as string | boolean;
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function decoded(desc: DescMessage, bytes: Uint8Array): ReflectMessage | undefined {
  try {
    return reflect(desc, fromBinary(desc, bytes));
  } catch {
    return undefined;
  }
}

/** Three decimals at a time, as protobuf's JSON has it. */
function fraction(nanos: number): string {
  if (nanos === 0) return '';
  return `.${Math.abs(nanos).toString().padStart(9, '0').replace(/(?:000){1,2}$/, '')}`;
}

const WELL_KNOWN: Readonly<Record<string, (message: ReflectMessage, depth: number) => Json>> = {
  'google.protobuf.Timestamp': ({ message }) => {
    const { seconds, nanos } = message as unknown as { seconds: bigint; nanos: number };
    return formatRfc3339({ seconds, nanos: 0 }).replace(/Z$/, `${fraction(nanos)}Z`);
  },
  'google.protobuf.Duration': ({ message }) => {
    const { seconds, nanos } = message as unknown as { seconds: bigint; nanos: number };
    return `${seconds === 0n && nanos < 0 ? '-' : ''}${seconds}${fraction(nanos)}s`;
  },
  'google.protobuf.Any': ({ message }, depth) => {
    const { typeUrl, value } = message as unknown as { typeUrl: string; value: Uint8Array };
    const desc = schema().registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
    const inner = desc === undefined ? undefined : decoded(desc, value);
    // What nobody can read is still shown: a transaction of another form, or a message of a later version.
    if (desc === undefined || inner === undefined) return { '@type': typeUrl, value: toBase64(value) };
    const json = messageToJson(desc, inner, depth + 1);
    return WELL_KNOWN[desc.typeName] === undefined ? { '@type': typeUrl, ...(json as object) } : { '@type': typeUrl, value: json };
  },
};
