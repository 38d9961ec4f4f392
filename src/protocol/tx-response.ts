/** A transaction and its result as the SDK's service of transactions shows them. */
import { toHex } from './bytes.js';
import type { TxResponse } from './gen/cosmos/base/abci/v1beta1/abci.js';
import { Tx } from './gen/cosmos/tx/v1beta1/tx.js';
import type { ExecTxResult } from './gen/tendermint/abci/types.js';
import { sha256 } from './hash.js';
import { formatRfc3339 } from './rfc3339.js';

export const GET_TX_PATH = '/cosmos.tx.v1beta1.Service/GetTx';
const TX_TYPE = '/cosmos.tx.v1beta1.Tx';
const HASH = /^(?:0x)?([0-9a-fA-F]{64})$/;

/** A transaction in its block. */
export interface IncludedTx {
  readonly tx: Uint8Array;
  readonly height: bigint;
  /** Of the block, seconds since 1970; nothing where it is not known. */
  readonly timeSeconds: bigint | undefined;
  readonly result: ExecTxResult;
}

/** @returns 32 bytes; nothing where the text is no hash, of 64 hexadecimal digits with or without 0x. */
export function parseTxHash(text: string): Uint8Array | undefined {
  const digits = HASH.exec(text)?.[1];
  return digits === undefined ? undefined : new Uint8Array(Buffer.from(digits, 'hex'));
}

/** What is not a transaction of the SDK's form, as the beacon at the head of a block, is shown empty. */
export function shownTx(bytes: Uint8Array): Tx {
  try {
    return Tx.decode(bytes);
  } catch {
    return Tx.fromPartial({});
  }
}

export function txResponse({ tx, height, timeSeconds, result }: IncludedTx): TxResponse {
  return {
    height,
    txhash: toHex(sha256(tx)).toUpperCase(),
    codespace: result.codespace,
    code: result.code,
    data: toHex(result.data).toUpperCase(),
    rawLog: result.log,
    logs: [],
    info: result.info,
    gasWanted: result.gasWanted,
    gasUsed: result.gasUsed,
    tx: { typeUrl: TX_TYPE, value: tx },
    timestamp: timeSeconds === undefined ? '' : formatRfc3339({ seconds: timeSeconds, nanos: 0 }),
    events: result.events,
  };
}
