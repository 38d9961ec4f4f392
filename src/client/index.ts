export { createAminoConverters } from './amino.js';
export {
  type BlockHeader,
  ChainClient,
  type ChainStatus,
  type ConnectOptions,
  type TxOutcome,
  type WaitOptions,
} from './client.js';
export { type BlockResults, type ChainEvent, ChainHistory, type FoundTx } from './history.js';
export { type ChainMessage, type MessageTypeUrl, createRegistry } from './messages.js';
export { type AccountInfo, ChainQueries } from './queries.js';
export { type ChainSigner, signerFromMnemonic, signerFromPrivateKey } from './signer.js';
export { type SubmitOptions, type SubmittedTx, TxFailedError } from './submitter.js';
