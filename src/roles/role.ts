import { taggedHash } from '../protocol/hash.js';
import { R3mesError } from '../protocol/errors.js';
import type { ChainView, Sender } from './chain-view.js';
import type { Outgoing } from './messages.js';
import type { Work } from './work.js';

/** What a role tells whoever runs it; one JSON line each with --json. */
export interface RoleEvent {
  readonly type: string;
  readonly [field: string]: string | number | boolean | bigint;
}

export interface RoleDeps {
  readonly chain: ChainView;
  readonly sender: Sender;
  readonly work: Work;
  readonly emit: (event: RoleEvent) => void;
}

/** One account's part: at every height it does what is due, and nothing twice. */
export interface Role {
  readonly address: string;
  onHeight(height: bigint): Promise<void>;
}

/**
 * Does one thing of several that are due. An expected error of it (a file that nobody serves any more) is told and tried
 * again at the next height; the others go on, so that who withholds one file cannot silence a verifier altogether.
 */
export async function attempt({ sender, emit }: RoleDeps, height: bigint, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof R3mesError)) throw error;
    emit({ type: 'problem', address: sender.address, height, code: error.code, reason: error.message });
  }
}

/** Heights after which a transaction that left no trace is sent again. */
const RETRY_HEIGHTS = 3n;

/**
 * Sends what is due once. The chain is the memory: what is due follows from its state, and a message that was sent a
 * moment ago and has not taken effect yet waits a few blocks before it is tried again.
 */
export class Outbox {
  readonly #sent = new Map<string, { at: bigint; isLookedFor: boolean; isNew: boolean }>();

  constructor(
    private readonly sender: Sender,
    private readonly emit: (event: RoleEvent) => void,
  ) {}

  /**
   * Whether `key` is not on its way already. What took many blocks to compute was sent later than at the height that
   * asked for it: the wait counts from just before the first height that looks for it.
   */
  isDue(key: string, height: bigint): boolean {
    const sent = this.#sent.get(key);
    if (sent === undefined) return true;
    if (!sent.isLookedFor) {
      sent.isLookedFor = true;
      sent.isNew = false;
      if (height - 1n > sent.at) sent.at = height - 1n;
    }
    return height >= sent.at + RETRY_HEIGHTS;
  }

  /**
   * @returns the transaction hash, or nothing where the node refused. A refusal is reported and tried again at the next
   * height: a phase may be three blocks long. Had the node taken it after all, the same bytes would be the same transaction.
   */
  async send(key: string, height: bigint, { message, gasLimit }: Outgoing): Promise<string | undefined> {
    this.#sent.set(key, { at: height, isLookedFor: false, isNew: true });
    try {
      return await this.sender.submit(message, gasLimit);
    } catch (error) {
      if (!(error instanceof R3mesError)) throw error;
      this.#sent.delete(key);
      this.emit({ type: 'refused', address: this.sender.address, message: shortType(message), code: error.code, reason: error.message });
      return undefined;
    }
  }

  forgetBefore(height: bigint): void {
    for (const [key, sent] of this.#sent) {
      if (sent.at >= height) continue;
      // Sent after a long computation: the height that comes now is the first that can look for it.
      if (sent.isNew) sent.at = height;
      else this.#sent.delete(key);
      sent.isNew = false;
    }
  }
}

function shortType({ typeUrl }: Outgoing['message']): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}

/** Salt of one commitment: secret, and the same after a restart. */
export function saltFor(sender: Sender, purpose: string, id: bigint): Uint8Array {
  return taggedHash('salt', sender.saltSeed, purpose, id);
}
