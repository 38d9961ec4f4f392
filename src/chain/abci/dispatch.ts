/** From a request to its answer: which call of the application each kind of request is. */
import { R3mesError } from '../../protocol/errors.js';
import { Request, type Response } from '../../protocol/gen/tendermint/abci/types.js';
import type { Application } from './application.js';
import { checkFinalized, checkPrepared, checkProcessed, checkValidatorUpdates } from './contract.js';

/** A request that has a kind; what CometBFT sends always has one. */
export type AbciRequest = NonNullable<Request['value']>;
export type AbciResponse = NonNullable<Response['value']>;

/** @throws R3mesError ABCI_REQUEST for bytes that are no request, or of a kind that ABCI 2.0 does not have. */
export function decodeRequest(frame: Uint8Array): AbciRequest {
  let request: Request;
  try {
    request = Request.decode(frame);
  } catch (error) {
    throw new R3mesError({
      code: 'ABCI_REQUEST',
      message: `expected a request of ABCI 2.0, got ${frame.length} bytes that cannot be decoded: ${error instanceof Error ? error.message : String(error)}`,
      cause: error,
    });
  }
  if (request.value !== undefined) return request.value;
  throw new R3mesError({
    code: 'ABCI_REQUEST',
    message: `expected a request of ABCI 2.0, got an unknown kind in ${frame.length} bytes`,
    hint: 'only CometBFT v0.38 speaks this protocol; earlier versions send BeginBlock and DeliverTx',
  });
}

function noVoteExtensions(): R3mesError {
  return new R3mesError({
    code: 'VOTE_EXTENSIONS',
    message: 'this chain has no vote extensions, but CometBFT asks for one',
    hint: 'consensus_params.abci.vote_extensions_enable_height must be 0',
  });
}

/** Carries out one request. @throws whatever the application does, and R3mesError APP_BROKE_CONTRACT or VOTE_EXTENSIONS. */
export async function answer(app: Application, request: AbciRequest): Promise<AbciResponse> {
  switch (request.$case) {
    case 'echo':
      return { $case: 'echo', value: { message: request.value.message } };
    case 'flush':
      return { $case: 'flush', value: {} };
    case 'info':
      return { $case: 'info', value: await app.info(request.value) };
    case 'initChain': {
      const value = await app.initChain(request.value);
      checkValidatorUpdates(value.validators);
      return { $case: 'initChain', value };
    }
    case 'query':
      return { $case: 'query', value: await app.query(request.value) };
    case 'checkTx':
      return { $case: 'checkTx', value: await app.checkTx(request.value) };
    case 'prepareProposal': {
      const value = await app.prepareProposal(request.value);
      checkPrepared(request.value, value);
      return { $case: 'prepareProposal', value };
    }
    case 'processProposal': {
      const value = await app.processProposal(request.value);
      checkProcessed(value);
      return { $case: 'processProposal', value };
    }
    case 'finalizeBlock': {
      const value = await app.finalizeBlock(request.value);
      checkFinalized(request.value, value);
      return { $case: 'finalizeBlock', value };
    }
    case 'commit':
      return { $case: 'commit', value: await app.commit() };
    case 'listSnapshots':
      return { $case: 'listSnapshots', value: await app.listSnapshots() };
    case 'offerSnapshot':
      return { $case: 'offerSnapshot', value: await app.offerSnapshot(request.value) };
    case 'loadSnapshotChunk':
      return { $case: 'loadSnapshotChunk', value: await app.loadSnapshotChunk(request.value) };
    case 'applySnapshotChunk':
      return { $case: 'applySnapshotChunk', value: await app.applySnapshotChunk(request.value) };
    case 'extendVote':
    case 'verifyVoteExtension':
      throw noVoteExtensions();
  }
}
