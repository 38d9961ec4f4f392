import { R3mesError } from '../protocol/errors.js';
import type { Role, RoleEvent } from './role.js';

export interface RunnerOptions {
  readonly emit: (event: RoleEvent) => void;
  /** Called when all that is due at a height was done. */
  readonly afterHeight?: (height: bigint) => Promise<void>;
}

/**
 * Lets roles act at every height that comes. An expected error of one (a file that is not there yet, a node that is
 * restarting) is told and tried again at the next height; anything else is a bug and ends the run.
 */
export async function runRoles(roles: readonly Role[], heights: AsyncIterable<bigint>, options: RunnerOptions): Promise<void> {
  for await (const height of heights) {
    for (const role of roles) {
      try {
        await role.onHeight(height);
      } catch (error) {
        if (!(error instanceof R3mesError)) throw error;
        options.emit({ type: 'problem', address: role.address, height, code: error.code, reason: error.message });
      }
    }
    await options.afterHeight?.(height);
  }
}
