/** When the solo engine seals the next block, and at what time of its own. Scheduling only: the chain's rules are elsewhere. */
import { InvalidInputError, R3mesError } from '../../protocol/errors.js';

/** A participant of a devnet and the accounts that it sends from, in the order in which its transactions are sealed. */
export interface ExpectedRole {
  readonly role: string;
  readonly addresses: readonly string[];
}

export type SealingPolicy =
  | {
      readonly kind: 'interval';
      /** From one block to the next. */
      readonly intervalMs: number;
    }
  | {
      readonly kind: 'ready';
      readonly roles: readonly ExpectedRole[];
      /** A block is sealed after this long even if a role is silent; 0: never. */
      readonly timeoutMs: number;
      /**
       * Nothing may depend on when something arrived: transactions are ordered by (role, sequence), and block time is
       * genesis time + `blockSeconds` × number of the block.
       */
      readonly deterministicOrder?: { readonly blockSeconds: bigint };
    };

/** Decides when the next block is due. */
export interface Sealing {
  /** Resolves when the next block may be sealed, or when `signal` is aborted. */
  due(signal: AbortSignal): Promise<void>;
}

/** A block every so often; the first one at once. */
export class IntervalSealing implements Sealing {
  readonly #intervalMs: number;
  #nextAtMs = 0;

  constructor(intervalMs: number) {
    if (!Number.isInteger(intervalMs) || intervalMs < 1) {
      throw new InvalidInputError(`expected a block interval of at least 1 ms, got ${intervalMs}`);
    }
    this.#intervalMs = intervalMs;
  }

  async due(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    await pause(Math.max(0, this.#nextAtMs - now), signal);
    // Counted from when the block was due, so that sealing time does not add up; a late one is not caught up with.
    this.#nextAtMs = Math.max(this.#nextAtMs, now) + this.#intervalMs;
  }
}

/** What a role is told when it reports. */
export interface ReadyAnswer {
  /** Height of the newest block. */
  readonly height: bigint;
  /** Roles that the next block still waits for. */
  readonly waitingFor: readonly string[];
}

/** Seals as soon as every live role has seen the newest block and sent all that is due of it. */
export class ReadySealing implements Sealing {
  readonly #timeoutMs: number;
  readonly #roles: ReadonlyMap<string, number>;
  /** Heights at which live roles were ready. */
  readonly #live = new Map<string, bigint>();
  readonly #joinedOnce = new Set<string>();
  readonly #initialHeight: bigint;
  readonly #newest: () => bigint;
  #wake: (() => void) | undefined;

  /** @param newest height of the newest committed block, `initialHeight` − 1 before the first one. */
  constructor(roles: readonly ExpectedRole[], timeoutMs: number, newest: () => bigint, initialHeight: bigint) {
    if (roles.length === 0) throw new InvalidInputError('expected at least one role that says when a block may be sealed, got none');
    if (!Number.isInteger(timeoutMs) || timeoutMs < 0) throw new InvalidInputError(`expected a time-out of 0 ms or more, got ${timeoutMs}`);
    this.#roles = new Map(roles.map(({ role }, index) => [role, index]));
    if (this.#roles.size !== roles.length) throw new InvalidInputError('expected roles of different names');
    this.#timeoutMs = timeoutMs;
    this.#newest = newest;
    this.#initialHeight = initialHeight;
  }

  /** The role takes part from now on; it is not ready before it says so, save for the first block, when nothing is due. */
  join(role: string): ReadyAnswer {
    this.#requireKnown(role);
    this.#joinedOnce.add(role);
    if (!this.#live.has(role)) this.#live.set(role, this.#initialHeight - 1n);
    return this.#changed();
  }

  /** Blocks no longer wait for the role. */
  leave(role: string): ReadyAnswer {
    this.#requireKnown(role);
    this.#live.delete(role);
    return this.#changed();
  }

  /**
   * The role has seen block `height` and its due transactions are in the mempool. A role that has not joined, or not
   * since this node was started, joins by this. An older height counts for nothing.
   * @throws R3mesError HEIGHT_AHEAD for a block that does not exist.
   */
  ready(role: string, height: bigint): ReadyAnswer {
    this.#requireKnown(role);
    if (height > this.#newest()) {
      throw new R3mesError({
        code: 'HEIGHT_AHEAD',
        message: `role ${role} is ready at height ${height}, but the newest block is ${this.#newest()}`,
        hint: 'the node was reset: start the role anew',
      });
    }
    this.#joinedOnce.add(role);
    const before = this.#live.get(role) ?? this.#initialHeight - 1n;
    this.#live.set(role, height > before ? height : before);
    return this.#changed();
  }

  async due(signal: AbortSignal): Promise<void> {
    let deadlineMs: number | undefined;
    while (!signal.aborted && !this.#isDue()) {
      // The time runs from when everybody was there: start-up takes as long as it takes.
      const isLimited = this.#timeoutMs > 0 && this.#live.size > 0 && this.#joinedOnce.size === this.#roles.size;
      if (isLimited) deadlineMs ??= performance.now() + this.#timeoutMs;
      const restMs = deadlineMs === undefined ? undefined : deadlineMs - performance.now();
      if (isLimited && restMs !== undefined && restMs <= 0) return;
      await pause(isLimited ? restMs : undefined, signal, (wake) => (this.#wake = wake));
    }
  }

  #isDue(): boolean {
    return this.#joinedOnce.size === this.#roles.size && this.#live.size > 0 && this.#waitingFor().length === 0;
  }

  #waitingFor(): string[] {
    const newest = this.#newest();
    return [...this.#roles.keys()].filter((role) => {
      const height = this.#live.get(role);
      return height === undefined ? !this.#joinedOnce.has(role) : height < newest;
    });
  }

  #changed(): ReadyAnswer {
    this.#wake?.();
    return { height: this.#newest(), waitingFor: this.#waitingFor() };
  }

  #requireKnown(role: string): void {
    if (this.#roles.has(role)) return;
    const known = [...this.#roles.keys()].slice(0, 20).join(', ');
    throw new InvalidInputError(`expected one of the roles ${known}, got ${JSON.stringify(role.slice(0, 80))}`);
  }
}

/** Waits; for ever without a time. Ends early when `signal` is aborted or the function given to `onStart` is called. */
function pause(ms: number | undefined, signal: AbortSignal, onStart?: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = ms === undefined ? undefined : setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
    onStart?.(done);
    if (signal.aborted) done();
  });
}
