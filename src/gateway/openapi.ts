/** The OpenAPI document of all REST routes, made of the descriptors: it cannot fall behind them. */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';

import { type HttpBinding, type Method, schema } from './descriptors.js';
import type { Json } from './json/write.js';

type Schema = Readonly<Record<string, Json>>;

const HEIGHT_PARAMETER: Json = {
  name: 'x-cosmos-block-height',
  in: 'header',
  required: false,
  description: 'Height of the state to read; absent: the newest.',
  schema: { type: 'string', format: 'int64' },
};

let cached: { version: string; document: Json } | undefined;

export function openApi(version: string): Json {
  if (cached?.version !== version) cached = { version, document: build(version) };
  return cached.document;
}

function build(version: string): Json {
  const used = new Map<string, DescMessage>();
  const paths: Record<string, Record<string, Json>> = {};
  for (const method of schema().methods.values()) {
    for (const binding of method.bindings) (paths[binding.template] ??= {})[binding.verb.toLowerCase()] = operation(method, binding, used);
  }
  // Messages that messages have are found on the way, so the map grows while it is read.
  const schemas: Record<string, Json> = {};
  for (const [name, desc] of used) schemas[name] = messageSchema(desc, used);
  return {
    openapi: '3.0.3',
    info: { title: 'r3mes', version, description: 'Queries of a r3mes node, in the JSON of the Cosmos SDK gateway.' },
    paths,
    components: { schemas: { ...schemas, Status: STATUS } },
  };
}

const STATUS: Json = {
  type: 'object',
  properties: { code: { type: 'integer' }, message: { type: 'string' }, details: { type: 'array', items: { type: 'object' } } },
};

function operation(method: Method, binding: HttpBinding, used: Map<string, DescMessage>): Json {
  const inPath = new Set([...binding.template.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] ?? ''));
  const parameters = binding.hasBody ? [] : [...inPath].map((name) => parameter(name, 'path', method.input)).concat(queryParameters(method.input, inPath));
  return {
    operationId: `${method.service}.${method.name}`,
    tags: [method.service],
    parameters: [...parameters, HEIGHT_PARAMETER],
    ...(binding.hasBody ? { requestBody: { required: true, content: { 'application/json': { schema: reference(method.input, used) } } } } : {}),
    responses: {
      '200': { description: 'The answer.', content: { 'application/json': { schema: reference(method.output, used) } } },
      default: { description: 'A failure: 400, 404, 501 and others.', content: { 'application/json': { schema: { $ref: '#/components/schemas/Status' } } } },
    },
  };
}

function parameter(name: string, where: 'path' | 'query', desc: DescMessage): Json {
  const field = desc.fields.find((one) => one.name === name);
  return { name, in: where, required: where === 'path', schema: field === undefined ? { type: 'string' } : leafSchema(field) };
}

function queryParameters(desc: DescMessage, without: ReadonlySet<string>, prefix = ''): Json[] {
  return desc.fields.flatMap((field) => {
    const name = `${prefix}${field.name}`;
    if (without.has(name)) return [];
    // One level is what requests have: the page.
    if (field.fieldKind === 'message') return prefix === '' ? queryParameters(field.message, without, `${name}.`) : [];
    if (field.fieldKind === 'map') return [];
    return [{ name, in: 'query', required: false, schema: leafSchema(field) }];
  });
}

function leafSchema(field: DescField): Schema {
  const one = field.enum !== undefined ? { type: 'string', enum: field.enum.values.map(({ name }) => name) } : scalarSchema(field.scalar);
  return field.fieldKind === 'list' ? { type: 'array', items: one } : one;
}

function messageSchema(desc: DescMessage, used: Map<string, DescMessage>): Json {
  return { type: 'object', properties: Object.fromEntries(desc.fields.map((field) => [field.name, fieldSchema(field, used)])) };
}

function fieldSchema(field: DescField, used: Map<string, DescMessage>): Json {
  if (field.message === undefined) return leafSchema(field);
  const one = reference(field.message, used);
  if (field.fieldKind === 'list') return { type: 'array', items: one };
  return field.fieldKind === 'map' ? { type: 'object', additionalProperties: one } : one;
}

const WELL_KNOWN: Readonly<Record<string, Schema>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Duration': { type: 'string', example: '1814400s' },
  'google.protobuf.Any': { type: 'object', properties: { '@type': { type: 'string' } }, additionalProperties: true },
};

function reference(desc: DescMessage, used: Map<string, DescMessage>): Schema {
  const wellKnown = WELL_KNOWN[desc.typeName];
  if (wellKnown !== undefined) return wellKnown;
  used.set(desc.typeName, desc);
  return { $ref: `#/components/schemas/${desc.typeName}` };
}

function scalarSchema(type: ScalarType | undefined): Schema {
  switch (type) {
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.BYTES:
      return { type: 'string', format: 'byte' };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return { type: 'string', format: 'int64' };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { type: 'string', format: 'uint64' };
    case ScalarType.STRING:
    case undefined:
      return { type: 'string' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number' };
    default:
      return { type: 'integer', format: 'int64' };
  }
}
