/** How many windows and cases are open, asked of the chain in as few queries as it takes. */
import { ChainQueries } from '../../client/queries.js';
import { RpcConnection } from '../../client/rpc.js';
import { CasePhase } from '../../protocol/gen/remes/remes/v1/challenge.js';
import { QueryGetCasesRequest, QueryGetCasesResponse } from '../../protocol/gen/remes/remes/v1/query.js';

export interface RoundsState {
  /** 0 before the first window. */
  readonly newestWindow: bigint;
  /** Windows that are not settled yet. */
  readonly windowsOpen: number;
  readonly casesOpen: number;
  readonly casesClosed: number;
}

const PAGE_CASES = 1000n;
/** Windows are settled in order, some rounds behind the newest; more would be a chain that settles nothing. */
const MAX_OPEN_WINDOWS = 200;

export class RoundsProbe {
  readonly #queries: ChainQueries;
  /** All cases before this number, from 0, are closed: they stay so and are not asked for again. */
  #firstOpen = 0n;

  constructor(rpc: string, timeoutMs: number) {
    this.#queries = new ChainQueries(new RpcConnection(rpc, timeoutMs));
  }

  /** @throws R3mesError where the node does not answer. */
  async ask(): Promise<RoundsState> {
    return { ...(await this.#windows()), ...(await this.#cases()) };
  }

  async #windows(): Promise<Pick<RoundsState, 'newestWindow' | 'windowsOpen'>> {
    const newest = await this.#queries.window();
    if (newest === undefined) return { newestWindow: 0n, windowsOpen: 0 };
    let windowsOpen = 0;
    for (let window: typeof newest | undefined = newest; window !== undefined && !window.settled && windowsOpen < MAX_OPEN_WINDOWS; ) {
      windowsOpen++;
      window = window.id > 1n ? await this.#queries.window(window.id - 1n) : undefined;
    }
    return { newestWindow: newest.id, windowsOpen };
  }

  async #cases(): Promise<Pick<RoundsState, 'casesOpen' | 'casesClosed'>> {
    let open = 0n;
    let at = this.#firstOpen;
    let firstOpen: bigint | undefined;
    for (;;) {
      const pagination = { key: new Uint8Array(), offset: at, limit: PAGE_CASES, countTotal: true, reverse: false };
      const page = await this.#queries.call('/remes.remes.v1.Query/GetCases', QueryGetCasesRequest, QueryGetCasesResponse, { windowId: 0n, openOnly: false, pagination });
      for (const { phase } of page?.cases ?? []) {
        if (phase !== CasePhase.CLOSED) {
          open++;
          firstOpen ??= at;
        }
        at++;
      }
      const total = page?.pagination?.total ?? 0n;
      if (at < total && (page?.cases.length ?? 0) > 0) continue;
      this.#firstOpen = firstOpen ?? at;
      return { casesOpen: Number(open), casesClosed: Number(total - open) };
    }
  }
}
