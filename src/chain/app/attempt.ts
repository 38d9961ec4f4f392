import { ChainError } from '../../protocol/errors.js';
import type { Context } from '../module.js';
import { ExecutionContext } from './context.js';
import { type Report, toFailure } from './executor.js';

/**
 * Runs on a branch of `ctx`, whose writes and events stay if nothing is thrown and `keep` is set.
 * @returns what was thrown, as clients see it. @throws DatabaseError, and sdk/11: gas is the transaction's own matter.
 */
export function attempt(ctx: Context, run: (ctx: Context) => void, keep: boolean, report: Report): string | undefined {
  if (!(ctx instanceof ExecutionContext)) throw new Error('expected a context of this application');
  const child = ctx.child();
  try {
    run(child);
  } catch (error) {
    if (error instanceof ChainError && error.code === 'OUT_OF_GAS') throw error;
    return toFailure(error, report).log;
  }
  if (keep) ctx.adopt(child);
  return undefined;
}
