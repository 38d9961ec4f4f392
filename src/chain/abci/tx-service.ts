import { GetTxRequest, GetTxResponse } from '../../protocol/gen/cosmos/tx/v1beta1/service.js';
import type { RequestQuery, ResponseQuery } from '../../protocol/gen/tendermint/abci/types.js';
import { GET_TX_PATH, type IncludedTx, parseTxHash, shownTx, txResponse } from '../../protocol/tx-response.js';
import type { Application } from './application.js';

/** The engine's index of transactions, which the state machine knows nothing of. May throw; the asker is told. */
export type FindTx = (hash: Uint8Array) => Promise<IncludedTx | undefined>;

/** Numbers of codespace `sdk`. */
const [INVALID_REQUEST, NOT_FOUND, LOGIC] = [18, 22, 35];

function answer(code: number, log: string, value = new Uint8Array(), height = 0n): ResponseQuery {
  return { code, log, info: '', index: 0n, key: new Uint8Array(), value, proofOps: undefined, height, codespace: code === 0 ? '' : 'sdk' };
}

async function getTx({ data }: RequestQuery, find: FindTx): Promise<ResponseQuery> {
  let text: string;
  try {
    text = GetTxRequest.decode(data).hash;
  } catch {
    return answer(INVALID_REQUEST, 'rpc error: code = InvalidArgument desc = the bytes are no GetTxRequest: invalid request');
  }
  const hash = parseTxHash(text);
  if (hash === undefined) {
    return answer(INVALID_REQUEST, `rpc error: code = InvalidArgument desc = hash: expected 64 hexadecimal digits, got ${JSON.stringify(text.slice(0, 80))}: invalid request`);
  }
  let found: IncludedTx | undefined;
  try {
    found = await find(hash);
  } catch (error) {
    // An exception would end CometBFT.
    return answer(LOGIC, `rpc error: code = Unavailable desc = the index of transactions does not answer: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (found === undefined) return answer(NOT_FOUND, `rpc error: code = NotFound desc = tx not found: ${text}: key not found`);
  return answer(0, '', GetTxResponse.encode({ tx: shownTx(found.tx), txResponse: txResponse(found) }).finish(), found.height);
}

/**
 * The same application, that also answers `cosmos.tx.v1beta1.Service/GetTx` by abci_query, as nodes of the Cosmos SDK do:
 * cosmjs knows no other way to it.
 */
export function withTxService(app: Application, find: FindTx): Application {
  return {
    info: (request) => app.info(request),
    initChain: (request) => app.initChain(request),
    checkTx: (request) => app.checkTx(request),
    prepareProposal: (request) => app.prepareProposal(request),
    processProposal: (request) => app.processProposal(request),
    finalizeBlock: (request) => app.finalizeBlock(request),
    commit: () => app.commit(),
    query: (request) => (request.path === GET_TX_PATH ? getTx(request, find) : app.query(request)),
    listSnapshots: () => app.listSnapshots(),
    loadSnapshotChunk: (request) => app.loadSnapshotChunk(request),
    offerSnapshot: (request) => app.offerSnapshot(request),
    applySnapshotChunk: (request) => app.applySnapshotChunk(request),
  };
}
