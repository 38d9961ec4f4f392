import { InvalidInputError } from '../../protocol/errors.js';

/** Names become file names, so they hold nothing that a path could be made of. */
export const WALLET_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** @throws InvalidInputError */
export function parseWalletName(text: string): string {
  if (!WALLET_NAME.test(text)) {
    throw new InvalidInputError(`expected a wallet name of a-z, 0-9, - and _, at most 63 characters, got ${JSON.stringify(text.slice(0, 80))}`);
  }
  return text;
}
