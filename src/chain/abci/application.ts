import type {
  RequestApplySnapshotChunk,
  RequestCheckTx,
  RequestFinalizeBlock,
  RequestInfo,
  RequestInitChain,
  RequestLoadSnapshotChunk,
  RequestOfferSnapshot,
  RequestPrepareProposal,
  RequestProcessProposal,
  RequestQuery,
  ResponseApplySnapshotChunk,
  ResponseCheckTx,
  ResponseCommit,
  ResponseFinalizeBlock,
  ResponseInfo,
  ResponseInitChain,
  ResponseListSnapshots,
  ResponseLoadSnapshotChunk,
  ResponseOfferSnapshot,
  ResponsePrepareProposal,
  ResponseProcessProposal,
  ResponseQuery,
} from '../../protocol/gen/tendermint/abci/types.js';

/**
 * The application as a consensus engine sees it: ABCI 2.0 of CometBFT v0.38. Engines (solo in process, CometBFT over
 * its socket) drive these and nothing else, and call them one at a time.
 *
 * Only `commit` writes to disk: until the first one nothing is persisted, and `info` reports the last durable one.
 */
export interface Application {
  info(request: RequestInfo): Promise<ResponseInfo>;
  initChain(request: RequestInitChain): Promise<ResponseInitChain>;
  checkTx(request: RequestCheckTx): Promise<ResponseCheckTx>;
  prepareProposal(request: RequestPrepareProposal): Promise<ResponsePrepareProposal>;
  processProposal(request: RequestProcessProposal): Promise<ResponseProcessProposal>;
  finalizeBlock(request: RequestFinalizeBlock): Promise<ResponseFinalizeBlock>;
  commit(): Promise<ResponseCommit>;
  query(request: RequestQuery): Promise<ResponseQuery>;
  /** State sync: what this node can give to others, newest first. */
  listSnapshots(): Promise<ResponseListSnapshots>;
  loadSnapshotChunk(request: RequestLoadSnapshotChunk): Promise<ResponseLoadSnapshotChunk>;
  /** State sync: a node without state is offered one, then its parts in any order. */
  offerSnapshot(request: RequestOfferSnapshot): Promise<ResponseOfferSnapshot>;
  applySnapshotChunk(request: RequestApplySnapshotChunk): Promise<ResponseApplySnapshotChunk>;
}
