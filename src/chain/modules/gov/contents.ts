import { InvalidInputError } from '../../../protocol/errors.js';
import { TextProposal } from '../../../protocol/gen/cosmos/gov/v1beta1/gov.js';
import type { Proposal } from '../../../protocol/gen/cosmos/gov/v1/gov.js';
import { MsgExecLegacyContent } from '../../../protocol/gen/cosmos/gov/v1/tx.js';
import type { Any } from '../../../protocol/gen/google/protobuf/any.js';
import type { Context } from '../../module.js';
import { govError } from './errors.js';

export const EXEC_LEGACY_CONTENT = '/cosmos.gov.v1.MsgExecLegacyContent';
const TEXT_PROPOSAL = '/cosmos.gov.v1beta1.TextProposal';

/** One kind of v1beta1 proposal. Its module says what to do. */
export interface ContentHandler {
  readonly typeUrl: string;
  title(value: Uint8Array): { readonly title: string; readonly description: string };
  checkStateless(value: Uint8Array): void;
  execute(ctx: Context, value: Uint8Array): void;
}

interface Codec<T> {
  decode(bytes: Uint8Array): T;
}

/** Builds a ContentHandler from a generated codec. */
export function defineContent<M extends { readonly title: string; readonly description: string }>(spec: {
  typeUrl: string;
  message: Codec<M>;
  checkStateless: (content: M) => void;
  execute: (ctx: Context, content: M) => void;
}): ContentHandler {
  const decode = (bytes: Uint8Array): M => {
    try {
      return spec.message.decode(bytes);
    } catch (error) {
      throw new InvalidInputError(`${spec.typeUrl}: the bytes are no such content (${error instanceof Error ? error.message : String(error)})`);
    }
  };
  return {
    typeUrl: spec.typeUrl,
    title: decode,
    checkStateless: (bytes) => spec.checkStateless(decode(bytes)),
    execute: (ctx, bytes) => spec.execute(ctx, decode(bytes)),
  };
}

/** Says something and does nothing. */
export const TEXT_CONTENT: ContentHandler = defineContent({
  typeUrl: TEXT_PROPOSAL,
  message: TextProposal,
  checkStateless: ({ description }) => {
    if (description.trim() === '') throw govError('INVALID_CONTENT', 'description: expected a text, got none');
  },
  execute: () => undefined,
});

export class Contents {
  readonly #handlers: ReadonlyMap<string, ContentHandler>;

  constructor(handlers: readonly ContentHandler[]) {
    this.#handlers = new Map([TEXT_CONTENT, ...handlers].map((handler) => [handler.typeUrl, handler]));
  }

  /** @throws ChainError for a kind that is not known here. */
  handler(content: Any | undefined): { readonly handler: ContentHandler; readonly value: Uint8Array } {
    const handler = content === undefined ? undefined : this.#handlers.get(content.typeUrl);
    if (content === undefined || handler === undefined) {
      throw govError('NO_HANDLER', `expected a content of ${[...this.#handlers.keys()].join(', ')}, got ${content === undefined ? 'none' : content.typeUrl.slice(0, 120)}`);
    }
    return { handler, value: content.value };
  }
}

/** A proposal's content for clients of v1beta1: its own, or title and summary as a text. */
export function contentOf({ messages, title, summary }: Proposal): Any {
  const [first] = messages;
  if (first?.typeUrl === EXEC_LEGACY_CONTENT && messages.length === 1) {
    const { content } = MsgExecLegacyContent.decode(first.value);
    if (content !== undefined) return content;
  }
  return { typeUrl: TEXT_PROPOSAL, value: TextProposal.encode({ title, description: summary }).finish() };
}
