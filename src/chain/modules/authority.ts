import type { Codec } from './collections.js';
import { type Context, type MessageHandler, defineMessage } from '../module.js';
import { moduleAddress } from '../../protocol/address.js';
import { sdkError } from './sdk-errors.js';

/** The account in whose name passed proposals act. No key owns it, so no transaction can be signed for it. */
export const GOV_ACCOUNT = 'gov';
export const AUTHORITY = moduleAddress(GOV_ACCOUNT);

function requireAuthority(authority: string): void {
  if (authority === AUTHORITY) return;
  throw sdkError(
    'UNAUTHORIZED',
    `invalid authority; expected ${AUTHORITY}, got ${authority.slice(0, 80)}`,
    'only a passed proposal of governance may do this',
  );
}

interface Coder<T> extends Codec<T> {
  encode(message: T): { finish(): Uint8Array };
}

/** A message that governance alone may execute: its authority must be the gov module's account. */
export function defineAuthorityMessage<M extends { readonly authority: string }, R>(spec: {
  typeUrl: string;
  message: Coder<M>;
  response: Coder<R>;
  checkStateless: (msg: M) => void;
  execute: (ctx: Context, msg: M) => R;
}): MessageHandler {
  const handler = defineMessage({
    ...spec,
    signer: (msg) => msg.authority,
    checkStateless: (msg) => {
      requireAuthority(msg.authority);
      spec.checkStateless(msg);
    },
  });
  return { ...handler, byAuthority: true };
}
