import { concatBytes, readU64be, u64be } from '../../../protocol/bytes.js';
import { HistoricalInfo } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { Header } from '../../../protocol/gen/tendermint/types/types.js';
import type { Context, QueryContext } from '../../module.js';
import { type Codec, Counter, Table } from '../collections.js';
import type { StakingKeeper } from './keeper.js';
import { STAKING_STORE } from './state.js';

/** One height: its header, and the number of the set that was bonded. */
interface Entry {
  readonly set: bigint;
  readonly header: Header;
}

const ENTRY: Codec<Entry> = {
  encode: ({ set, header }) => ({ finish: () => concatBytes(u64be(set), Header.encode(header).finish()) }),
  decode: (bytes) => ({ set: readU64be(bytes), header: Header.decode(bytes.subarray(8)) }),
};

/**
 * Who was bonded at the last heights. A set is written when it changes, a height only names its set: a block writes one
 * entry and forgets the oldest one. Of the header it keeps chain, height, time and proposer.
 */
export class History {
  readonly #entries = new Table({ store: STAKING_STORE, prefix: 20 }, ENTRY);
  readonly #sets = new Table({ store: STAKING_STORE, prefix: 21 }, HistoricalInfo);
  /** Number of the newest set; 0 before there is one. */
  readonly #newest = new Counter({ store: STAKING_STORE, prefix: 22 });

  /** Called where powers changed: the next height gets a new set. */
  setChanged(keeper: StakingKeeper, ctx: Context): void {
    const number = this.#newest.add(ctx, 1n);
    // A set that no height ever named goes at once.
    if (this.#entries.get(ctx, ctx.block.height)?.set !== number - 1n) this.#sets.delete(ctx, number - 1n);
    this.#sets.set(ctx, HistoricalInfo.fromPartial({ valset: keeper.bondedValidators(ctx) }), number);
  }

  /** Writes down the block at hand, where there are validators at all. */
  beginBlock(keeper: StakingKeeper, ctx: Context): void {
    const { chainId, height, timeSeconds, proposerAddress } = ctx.block;
    const set = this.#newest.get(ctx);
    if (set === 0n) return;
    const kept = BigInt(keeper.params(ctx).historicalEntries);
    if (kept > 0n) {
      const header = Header.fromPartial({ chainId, height, time: { seconds: timeSeconds, nanos: 0 }, proposerAddress });
      this.#entries.set(ctx, { set, header }, height);
    }
    // Usually one; more where governance shortened the history.
    for (let old = height - kept; old > 0n; old--) {
      const entry = this.#entries.get(ctx, old);
      if (entry === undefined) break;
      this.#entries.delete(ctx, old);
      if (entry.set !== set && this.#entries.get(ctx, old + 1n)?.set !== entry.set) this.#sets.delete(ctx, entry.set);
    }
  }

  at(ctx: QueryContext, height: bigint): HistoricalInfo | undefined {
    const entry = this.#entries.get(ctx, height);
    if (entry === undefined) return undefined;
    return { header: entry.header, valset: this.#sets.get(ctx, entry.set)?.valset ?? [] };
  }
}
