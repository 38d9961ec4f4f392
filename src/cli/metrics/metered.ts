/** An application that is measured from outside: it answers what it would answer anyway. */
import type { Application } from '../../chain/abci/application.js';
import { CheckTxType, type RequestFinalizeBlock, type ResponseFinalizeBlock } from '../../protocol/gen/tendermint/abci/types.js';
import type { AppMetrics, CommittedBlock, TimedCall } from './app-metrics.js';

/** Event that the training module emits for a gradient that it took up. */
const SUBMITTED = 'submit_gradient';

function blockOf({ height, time, txs }: RequestFinalizeBlock): CommittedBlock {
  return {
    height,
    timeMs: time === undefined ? 0 : Number(time.seconds) * 1000 + Math.floor(time.nanos / 1e6),
    sizeBytes: txs.reduce((sum, tx) => sum + tx.length, 0),
    transactions: txs.length,
  };
}

function count(metrics: AppMetrics, { txResults }: ResponseFinalizeBlock): void {
  for (const { codespace, code, gasUsed, events } of txResults) {
    metrics.delivered(codespace, code, gasUsed);
    if (code === 0) for (const { type } of events) if (type === SUBMITTED) metrics.gradientSubmitted();
  }
}

/** The same application; `metrics` hear of every call, and of a block when it is committed. */
export function metered(app: Application, metrics: AppMetrics, nowMs: () => number = () => performance.now()): Application {
  let pending: { readonly block: CommittedBlock; readonly results: ResponseFinalizeBlock } | undefined;

  async function timed<T>(call: TimedCall, answer: () => Promise<T>): Promise<T> {
    const startMs = nowMs();
    try {
      return await answer();
    } finally {
      metrics.timed(call, (nowMs() - startMs) / 1000);
    }
  }

  return {
    info: (request) => app.info(request),
    initChain: (request) => app.initChain(request),
    checkTx: async (request) => {
      const kind = request.type === CheckTxType.RECHECK ? 'recheck' : 'new';
      const response = await timed(kind === 'new' ? 'check_tx' : 'recheck_tx', () => app.checkTx(request));
      metrics.checked(kind, response.codespace, response.code);
      return response;
    },
    prepareProposal: (request) => timed('prepare_proposal', () => app.prepareProposal(request)),
    processProposal: (request) => timed('process_proposal', () => app.processProposal(request)),
    query: (request) => timed('query', () => app.query(request)),
    listSnapshots: () => app.listSnapshots(),
    loadSnapshotChunk: (request) => app.loadSnapshotChunk(request),
    offerSnapshot: (request) => app.offerSnapshot(request),
    applySnapshotChunk: (request) => app.applySnapshotChunk(request),
    finalizeBlock: async (request) => {
      const results = await timed('finalize_block', () => app.finalizeBlock(request));
      pending = { block: blockOf(request), results };
      return results;
    },
    commit: async () => {
      const response = await timed('commit', () => app.commit());
      if (pending !== undefined) {
        count(metrics, pending.results);
        metrics.committed(pending.block);
        pending = undefined;
      }
      return response;
    },
  };
}
