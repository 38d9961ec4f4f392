import { R3mesError } from '../../protocol/errors.js';

/** Something that the chain was asked for by its number or name and does not have. */
export function notFound(what: string): R3mesError {
  return new R3mesError({ code: 'NOT_FOUND', message: `the chain has no ${what}`, hint: 'check the number, and that --node names the right network' });
}
