/** The descriptor set of all messages and services, read once, and the options of it that the gateway goes by. */
import { gunzipSync } from 'node:zlib';

import { type DescExtension, type DescField, type DescMessage, type DescMethod, type DescService, type FileRegistry, createFileRegistry, fromBinary, getOption, hasOption } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import { DESCRIPTOR_SET } from '../protocol/gen/descriptors.js';

/** One way to reach a method by HTTP. */
export interface HttpBinding {
  readonly verb: 'GET' | 'POST';
  /** E.g. `/cosmos/bank/v1beta1/balances/{address}`. */
  readonly template: string;
  /** Whether the request message is the body; else it is in path and query. */
  readonly hasBody: boolean;
}

export interface Method {
  /** As gRPC and abci_query name it: `/cosmos.bank.v1beta1.Query/Balance`. */
  readonly path: string;
  readonly name: string;
  readonly service: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
  readonly bindings: readonly HttpBinding[];
}

/** How a field's text is to be read: the Cosmos SDK carries numbers of its own in text and bytes. */
export type NumberKind = 'dec' | 'int' | undefined;

/** Services that are asked over gRPC and REST: not the messages of transactions, and none of another protocol. */
const SERVED = /^(?:cosmos|remes)\.(?:.+)\.(?:Query|Service)$/;

let cached: Schema | undefined;

/** Loaded at the first use: whoever serves no gateway does not pay for it. */
export function schema(): Schema {
  cached ??= new Schema();
  return cached;
}

export class Schema {
  readonly registry: FileRegistry;
  readonly methods: ReadonlyMap<string, Method>;
  readonly services: readonly DescService[];
  readonly #http: DescExtension;
  readonly #customType: DescExtension;
  readonly #nullable: DescExtension;
  readonly #numberKinds = new WeakMap<DescField, { kind: NumberKind }>();

  constructor() {
    const set = fromBinary(FileDescriptorSetSchema, gunzipSync(Buffer.from(DESCRIPTOR_SET, 'base64')));
    this.registry = createFileRegistry(set);
    this.#http = this.#extension('google.api.http');
    this.#customType = this.#extension('gogoproto.customtype');
    this.#nullable = this.#extension('gogoproto.nullable');
    const services = [...this.registry].filter((type): type is DescService => type.kind === 'service');
    this.services = services.filter((service) => SERVED.test(service.typeName));
    this.methods = new Map(
      this.services.flatMap((service) =>
        service.methods.map((method) => {
          const path = `/${service.typeName}/${method.name}`;
          const { name, input, output } = method;
          return [path, { path, name, service: service.typeName, input, output, bindings: this.#bindings(method) }];
        }),
      ),
    );
  }

  /** @throws Error for a name that is not in the set: a bug of ours. */
  message(typeName: string): DescMessage {
    const found = this.registry.getMessage(typeName);
    if (found === undefined) throw new Error(`no message ${typeName} in the descriptor set`);
    return found;
  }

  /**
   * Go types with a text of their own. `dec`: the wire has the number times 10^18 as an integer in decimal digits, JSON
   * the number with its 18 decimals. A field that is only annotated as cosmos.Dec, as those of gov v1, has the same text in both.
   */
  numberKind(field: DescField): NumberKind {
    let known = this.#numberKinds.get(field);
    if (known === undefined) {
      const type = hasOption(field, this.#customType) ? String(getOption(field, this.#customType)) : '';
      known = { kind: /(?:^|\.)(?:Legacy)?Dec$/.test(type) ? 'dec' : /(?:^|\.)Int$/.test(type) ? 'int' : undefined };
      this.#numberKinds.set(field, known);
    }
    return known.kind;
  }

  /** Whether the SDK keeps the field by value, so that an absent one is shown as its zero value and not as null. */
  isByValue(field: DescField): boolean {
    return hasOption(field, this.#nullable) && getOption(field, this.#nullable) === false;
  }

  #extension(name: string): DescExtension {
    const found = this.registry.getExtension(name);
    if (found === undefined) throw new Error(`no option ${name} in the descriptor set`);
    return found;
  }

  #bindings(method: DescMethod): HttpBinding[] {
    if (!hasOption(method, this.#http)) return [];
    const rule: unknown = getOption(method, this.#http);
    const { additionalBindings } = rule as HttpRule;
    return [rule as HttpRule, ...additionalBindings].flatMap(({ pattern, body }): HttpBinding[] => {
      if (pattern.case === 'get') return [{ verb: 'GET', template: pattern.value, hasBody: false }];
      if (pattern.case === 'post') return [{ verb: 'POST', template: pattern.value, hasBody: body === '*' }];
      return [];
    });
  }
}

/** google.api.HttpRule, as far as it is read here. */
interface HttpRule {
  readonly pattern: { readonly case: string; readonly value: string };
  readonly body: string;
  readonly additionalBindings: readonly HttpRule[];
}
