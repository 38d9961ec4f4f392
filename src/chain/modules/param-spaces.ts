import type { z } from 'zod';

import { InvalidInputError } from '../../protocol/errors.js';
import type { Context, MessageHandler, QueryContext } from '../module.js';
import { defineAuthorityMessage } from './authority.js';
import { genesisJson } from './genesis-json.js';
import { parseFields } from './genesis.js';

/** Parameters of one module as governance changes them one by one (ParameterChangeProposal). */
export interface ParamSpace {
  /** The module's name. */
  readonly subspace: string;
  /** All parameters, by the names that genesis gives them. */
  read(ctx: QueryContext): Readonly<Record<string, unknown>>;
  /** @throws InvalidInputError naming the wrong field. */
  write(ctx: Context, params: Readonly<Record<string, unknown>>): void;
}

interface Coder<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** A module's parameters: by one message that gives all of them, or one by one; by the rules of genesis both times. */
export function governedParams<P extends object, R>(spec: {
  subspace: string;
  typeUrl: string;
  message: Coder<{ authority: string; params: P | undefined }>;
  response: Coder<R>;
  done: R;
  schema: z.ZodType<P>;
  read: (ctx: QueryContext) => P;
  /** Writes, and checks what spans modules. */
  write: (ctx: Context, params: P) => void;
}): { space: ParamSpace; handler: MessageHandler } {
  const checked = (json: unknown): P => parseFields('params', spec.schema, json);
  return {
    space: {
      subspace: spec.subspace,
      read: (ctx) => genesisJson(spec.read(ctx)) as Record<string, unknown>,
      write: (ctx, params) => spec.write(ctx, checked(params)),
    },
    handler: defineAuthorityMessage({
      typeUrl: spec.typeUrl,
      message: spec.message,
      response: spec.response,
      checkStateless: ({ params }) => void checked(genesisJson(params)),
      execute: (ctx, { params }) => {
        spec.write(ctx, checked(genesisJson(params)));
        return spec.done;
      },
    }),
  };
}

/** Names that clients of the SDK know differ in case and underscores only: `MaxMemoCharacters`, `communitytax`. */
const plain = (key: string): string => key.replace(/_/g, '').toLowerCase();

/** @throws InvalidInputError for a module or a name that is not there. */
export function paramOf(spaces: ReadonlyMap<string, ParamSpace>, ctx: QueryContext, subspace: string, key: string): { space: ParamSpace; name: string; value: unknown } {
  const space = spaces.get(subspace);
  if (space === undefined) throw new InvalidInputError(`subspace: expected ${[...spaces.keys()].join(', ')}, got ${JSON.stringify(subspace.slice(0, 80))}`);
  const params = space.read(ctx);
  const name = Object.keys(params).find((one) => plain(one) === plain(key));
  if (name === undefined) throw new InvalidInputError(`key: expected ${Object.keys(params).join(', ')}, got ${JSON.stringify(key.slice(0, 80))}`);
  return { space, name, value: params[name] };
}

/** Sets one parameter. @param value JSON, as genesis would write it. @throws InvalidInputError */
export function changeParam(spaces: ReadonlyMap<string, ParamSpace>, ctx: Context, change: { subspace: string; key: string; value: string }): void {
  const { space, name } = paramOf(spaces, ctx, change.subspace, change.key);
  let value: unknown;
  try {
    value = JSON.parse(change.value);
  } catch {
    throw new InvalidInputError(`value of ${change.subspace}.${name}: expected JSON, got ${JSON.stringify(change.value.slice(0, 80))}`, 'text stands in quotes inside of the value');
  }
  space.write(ctx, { ...space.read(ctx), [name]: value });
}
