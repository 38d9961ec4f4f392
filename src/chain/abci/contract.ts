/**
 * Answers that CometBFT would end itself over, or would carry into a block that no other node agrees with. They are bugs
 * of the application; told as an Exception with a name they can be found.
 */
import { toHex } from '../../protocol/bytes.js';
import { R3mesError } from '../../protocol/errors.js';
import type {
  RequestFinalizeBlock,
  RequestPrepareProposal,
  ResponseFinalizeBlock,
  ResponsePrepareProposal,
  ResponseProcessProposal,
  ValidatorUpdate,
} from '../../protocol/gen/tendermint/abci/types.js';
import { ResponseProcessProposal_ProposalStatus as Status } from '../../protocol/gen/tendermint/abci/types.js';

function broke(message: string): R3mesError {
  return new R3mesError({ code: 'APP_BROKE_CONTRACT', message, hint: 'this is a bug of r3mes: please report it' });
}

/** Bytes that transactions take of a block: a field tag, their lengths and themselves. */
function sizeInBlock(txs: readonly Uint8Array[]): bigint {
  let bytes = 0;
  for (const tx of txs) bytes += 1 + Math.max(1, Math.ceil((32 - Math.clz32(tx.length)) / 7)) + tx.length;
  return BigInt(bytes);
}

function keyOf({ pubKey }: ValidatorUpdate): string {
  return pubKey?.sum === undefined ? '' : `${pubKey.sum.$case}/${toHex(pubKey.sum.value)}`;
}

/** @throws R3mesError APP_BROKE_CONTRACT */
export function checkValidatorUpdates(updates: readonly ValidatorUpdate[]): void {
  const seen = new Set<string>();
  for (const update of updates) {
    const key = keyOf(update);
    if (key === '') throw broke('a validator update has no key');
    if (seen.has(key)) throw broke(`validator ${key} is updated twice in one block`);
    if (update.power < 0n) throw broke(`validator ${key} has the power ${update.power}`);
    seen.add(key);
  }
}

/** @throws R3mesError APP_BROKE_CONTRACT: a result for each transaction, an app hash, no validator twice. */
export function checkFinalized(request: RequestFinalizeBlock, response: ResponseFinalizeBlock): void {
  const { txResults, appHash, validatorUpdates } = response;
  if (txResults.length !== request.txs.length) {
    throw broke(`expected ${request.txs.length} results in block ${request.height}, one a transaction, got ${txResults.length}`);
  }
  if (appHash.length === 0) throw broke(`block ${request.height} has no app hash`);
  checkValidatorUpdates(validatorUpdates);
}

/** @throws R3mesError APP_BROKE_CONTRACT */
export function checkPrepared({ height, maxTxBytes }: RequestPrepareProposal, { txs }: ResponsePrepareProposal): void {
  const bytes = sizeInBlock(txs);
  if (bytes > maxTxBytes) throw broke(`expected a proposal of at most ${maxTxBytes} bytes for height ${height}, got ${bytes}`);
}

/** @throws R3mesError APP_BROKE_CONTRACT */
export function checkProcessed({ status }: ResponseProcessProposal): void {
  if (status !== Status.ACCEPT && status !== Status.REJECT) throw broke(`expected a proposal to be accepted or rejected, got status ${status}`);
}
