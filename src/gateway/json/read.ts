/** Requests as people write them, in JSON or in the path and query of a URL, read into messages. */
import { type DescEnum, type DescField, type DescMessage, ScalarType, create, toBinary } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';

import { InvalidInputError } from '../../protocol/errors.js';
import { parseRfc3339 } from '../../protocol/rfc3339.js';
import { schema } from '../descriptors.js';
import { type StatusError, invalidArgument } from '../status.js';
import { decToWire } from './numbers.js';

const MAX_DEPTH = 64;
const SHOWN = 60;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const DURATION = /^(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?s$/;
const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** @throws StatusError INVALID_ARGUMENT naming the field that is wrong. */
export function jsonToMessage(desc: DescMessage, json: unknown): ReflectMessage {
  return readMessage(desc, json, desc.name, 0);
}

export function messageBytes(message: ReflectMessage): Uint8Array {
  return toBinary(message.desc, message.message);
}

/**
 * Sets one field from text.
 * @param path names from the request message on, e.g. `pagination.limit`; names that are unknown are left alone, as the
 * SDK's gateway does.
 */
export function setFromText(message: ReflectMessage, path: string, texts: readonly string[]): void {
  const names = path.split('.');
  let at = message;
  for (const [index, name] of names.entries()) {
    const field = fieldOf(at.desc, name);
    if (field === undefined) return;
    const isLast = index === names.length - 1;
    if (isLast) {
      setLeaf(at, field, path, texts);
      return;
    }
    if (field.fieldKind !== 'message' || index >= MAX_DEPTH) throw invalidArgument(`${path}: ${name} has no fields`);
    if (!at.isSet(field)) at.set(field, reflect(field.message, create(field.message)));
    at = at.get(field);
  }
}

function setLeaf(at: ReflectMessage, field: DescField, path: string, texts: readonly string[]): void {
  if (field.fieldKind === 'list') {
    for (const text of texts) at.get(field).add(item(field, text, path, 0));
    return;
  }
  const [text = ''] = texts;
  if (texts.length > 1) throw invalidArgument(`${path}: expected one value, got ${texts.length}`);
  if (field.fieldKind === 'map') throw invalidArgument(`${path}: a map cannot be given in a URL`);
  at.set(field, item(field, text, path, 0));
}

function fieldOf(desc: DescMessage, name: string): DescField | undefined {
  return desc.fields.find((field) => field.name === name) ?? desc.fields.find((field) => field.jsonName === name);
}

function readMessage(desc: DescMessage, json: unknown, path: string, depth: number): ReflectMessage {
  if (depth > MAX_DEPTH) throw invalidArgument(`${path}: nested more than ${MAX_DEPTH} deep`);
  const message = reflect(desc, create(desc));
  const wellKnown = WELL_KNOWN[desc.typeName];
  if (wellKnown !== undefined) {
    for (const [name, value] of Object.entries(wellKnown(json, path, depth))) {
      const field = fieldOf(desc, name);
      if (field !== undefined) message.set(field, value);
    }
    return message;
  }
  if (!isObject(json)) throw wrong(path, 'an object', json);
  for (const [name, value] of Object.entries(json)) {
    const field = fieldOf(desc, name);
    if (field !== undefined && value !== null) readField(message, field, value, `${path}.${name}`, depth);
  }
  return message;
}

function readField(message: ReflectMessage, field: DescField, value: unknown, path: string, depth: number): void {
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) throw wrong(path, 'a list', value);
    for (const [index, one] of value.entries()) message.get(field).add(item(field, one, `${path}[${index}]`, depth));
  } else if (field.fieldKind === 'map') {
    if (!isObject(value)) throw wrong(path, 'an object', value);
    for (const [key, one] of Object.entries(value)) {
      message.get(field).set(scalar(field.mapKey, key, path), item(field, one, `${path}.${key}`, depth));
    }
  } else {
    message.set(field, item(field, value, path, depth));
  }
}

function item(field: DescField, value: unknown, path: string, depth: number): unknown {
  if (field.message !== undefined) return readMessage(field.message, value, path, depth + 1);
  if (field.enum !== undefined) return enumValue(field.enum, value, path);
  if (field.scalar === undefined) throw invalidArgument(`${path}: not supported`);
  const isDec = schema().numberKind(field) === 'dec' && value !== '';
  if (!isDec) return scalar(field.scalar, value, path);
  if (typeof value !== 'string') throw wrong(path, 'a decimal number as text', value);
  const text = decToWire(value);
  return field.scalar === ScalarType.BYTES ? new Uint8Array(Buffer.from(text)) : text;
}

function enumValue(desc: DescEnum, value: unknown, path: string): number {
  const found = desc.values.find(({ name, number }) => name === value || number === value || String(number) === value);
  if (found === undefined) throw wrong(path, `one of ${desc.values.slice(0, 12).map(({ name }) => name).join(', ')}`, value);
  return found.number;
}

function scalar(type: ScalarType, value: unknown, path: string): unknown {
  switch (type) {
    case ScalarType.STRING:
      if (typeof value !== 'string') throw wrong(path, 'a text', value);
      return value;
    case ScalarType.BYTES:
      return bytes(value, path);
    case ScalarType.BOOL:
      if (typeof value === 'boolean') return value;
      if (typeof value === 'string' && TRUE.has(value)) return true;
      if (typeof value === 'string' && FALSE.has(value)) return false;
      throw wrong(path, 'true or false', value);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT: {
      const number = typeof value === 'string' && value !== '' ? Number(value) : value;
      if (typeof number !== 'number' || !Number.isFinite(number)) throw wrong(path, 'a number', value);
      return number;
    }
    default:
      return integer(type, value, path);
  }
}

const UNSIGNED = new Set([ScalarType.UINT32, ScalarType.UINT64, ScalarType.FIXED32, ScalarType.FIXED64]);
const WIDE = new Set([ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64, ScalarType.FIXED64, ScalarType.SFIXED64]);

function integer(type: ScalarType, value: unknown, path: string): number | bigint {
  const bits = WIDE.has(type) ? 64n : 32n;
  const isUnsigned = UNSIGNED.has(type);
  const kind = `${isUnsigned ? 'an unsigned' : 'a'} ${bits}-bit integer`;
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? value.toString() : value;
  if (typeof text !== 'string' || !/^-?[0-9]{1,20}$/.test(text)) throw wrong(path, kind, value);
  const number = BigInt(text);
  const [lowest, highest] = isUnsigned ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  if (number < lowest || number > highest) throw wrong(path, kind, value);
  return bits === 64n ? number : Number(number);
}

/** Both alphabets of base64, with or without padding; a plus sign that a URL has made a space is one again. */
function bytes(value: unknown, path: string): Uint8Array {
  const text = typeof value === 'string' ? value.replaceAll(' ', '+').replaceAll('-', '+').replaceAll('_', '/') : undefined;
  if (text === undefined || !BASE64.test(text) || text.replace(/=+$/, '').length % 4 === 1) throw wrong(path, 'bytes in base64', value);
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/** Values of the fields, by their names. */
const WELL_KNOWN: Readonly<Record<string, (json: unknown, path: string, depth: number) => Record<string, unknown>>> = {
  'google.protobuf.Timestamp': (json, path) => {
    if (typeof json !== 'string') throw wrong(path, 'a time like 2026-11-01T12:00:00Z', json);
    try {
      return { ...parseRfc3339(json) };
    } catch (error) {
      throw error instanceof InvalidInputError ? invalidArgument(`${path}: ${error.message}`) : error;
    }
  },
  'google.protobuf.Duration': (json, path) => {
    const match = typeof json === 'string' ? DURATION.exec(json) : null;
    if (match === null) throw wrong(path, 'a duration like 3.5s', json);
    const [, sign, seconds = '', nanos = ''] = match;
    const by = sign === '-' ? -1 : 1;
    return { seconds: BigInt(seconds) * BigInt(by), nanos: Number(nanos.padEnd(9, '0')) * by };
  },
  'google.protobuf.Any': (json, path, depth) => {
    const typeUrl = isObject(json) ? json['@type'] : undefined;
    if (!isObject(json) || typeof typeUrl !== 'string') throw wrong(path, 'an object with @type', json);
    const desc = schema().registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
    if (desc === undefined) throw invalidArgument(`${path}: no message ${JSON.stringify(typeUrl.slice(0, SHOWN))} is known here`);
    const inner = WELL_KNOWN[desc.typeName] === undefined ? json : json['value'];
    return { type_url: typeUrl, value: messageBytes(readMessage(desc, inner, path, depth + 1)) };
  },
};

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(path: string, expected: string, value: unknown): StatusError {
  return invalidArgument(`${path}: expected ${expected}, got ${(JSON.stringify(value) ?? 'nothing').slice(0, SHOWN)}`);
}
