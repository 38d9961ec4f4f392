/** Blocks, results and events in CometBFT's JSON: hashes in upper-case hexadecimal, bytes in base64, 64-bit integers as text. */
import { toHex } from '../../protocol/bytes.js';
import type { Event, ExecTxResult, ResponseFinalizeBlock, ValidatorUpdate } from '../../protocol/gen/tendermint/abci/types.js';
import type { Timestamp } from '../../protocol/gen/google/protobuf/timestamp.js';
import type { Block } from '../../protocol/gen/tendermint/types/block.js';
import type { BlockID, BlockMeta, Commit, Header } from '../../protocol/gen/tendermint/types/types.js';
import { ED25519_PUBKEY_TYPE, consensusParamsToJson } from '../../protocol/genesis-doc.js';
import { formatRfc3339 } from '../../protocol/rfc3339.js';

export type Json = Record<string, unknown>;

export const hex = (bytes: Uint8Array): string => toHex(bytes).toUpperCase();
export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
/** Go writes a list that was never made as null, and some clients rely on either. */
const orNull = <T>(list: readonly T[]): readonly T[] | null => (list.length === 0 ? null : list);
const bytesOrNull = (bytes: Uint8Array): string | null => (bytes.length === 0 ? null : base64(bytes));

export function renderTime(time: Timestamp | undefined): string {
  return time === undefined ? '0001-01-01T00:00:00Z' : formatRfc3339(time);
}

export function renderBlockId(id: BlockID | undefined): Json {
  const { total = 0, hash = new Uint8Array() } = id?.partSetHeader ?? {};
  return { hash: hex(id?.hash ?? new Uint8Array()), parts: { total, hash: hex(hash) } };
}

export function renderHeader(header: Header | undefined): Json | null {
  if (header === undefined) return null;
  const { block = 0n, app = 0n } = header.version ?? {};
  return {
    version: { block: block.toString(), ...(app === 0n ? {} : { app: app.toString() }) },
    chain_id: header.chainId,
    height: header.height.toString(),
    time: renderTime(header.time),
    last_block_id: renderBlockId(header.lastBlockId),
    last_commit_hash: hex(header.lastCommitHash),
    data_hash: hex(header.dataHash),
    validators_hash: hex(header.validatorsHash),
    next_validators_hash: hex(header.nextValidatorsHash),
    consensus_hash: hex(header.consensusHash),
    app_hash: hex(header.appHash),
    last_results_hash: hex(header.lastResultsHash),
    evidence_hash: hex(header.evidenceHash),
    proposer_address: hex(header.proposerAddress),
  };
}

export function renderCommit(commit: Commit | undefined): Json | null {
  if (commit === undefined) return null;
  return {
    height: commit.height.toString(),
    round: commit.round,
    block_id: renderBlockId(commit.blockId),
    signatures: commit.signatures.map((signature) => ({
      block_id_flag: signature.blockIdFlag,
      validator_address: hex(signature.validatorAddress),
      timestamp: renderTime(signature.timestamp),
      signature: base64(signature.signature),
    })),
  };
}

export function renderBlock(block: Block): Json {
  return {
    header: renderHeader(block.header),
    data: { txs: (block.data?.txs ?? []).map(base64) },
    evidence: { evidence: [] },
    last_commit: renderCommit(block.lastCommit),
  };
}

export function renderBlockMeta(meta: BlockMeta): Json {
  return {
    block_id: renderBlockId(meta.blockId),
    block_size: meta.blockSize.toString(),
    header: renderHeader(meta.header),
    num_txs: meta.numTxs.toString(),
  };
}

export function renderEvents(events: readonly Event[]): Json[] {
  return events.map(({ type, attributes }) => ({ type, attributes: attributes.map(({ key, value, index }) => ({ key, value, index })) }));
}

export function renderTxResult(result: ExecTxResult): Json {
  return {
    code: result.code,
    data: bytesOrNull(result.data),
    log: result.log,
    info: result.info,
    gas_wanted: result.gasWanted.toString(),
    gas_used: result.gasUsed.toString(),
    events: renderEvents(result.events),
    codespace: result.codespace,
  };
}

/** The result inside an event: what is zero or empty is left out. */
export function renderTxResultBriefly(result: ExecTxResult): Json {
  return {
    ...(result.code === 0 ? {} : { code: result.code }),
    ...(result.data.length === 0 ? {} : { data: base64(result.data) }),
    ...(result.log === '' ? {} : { log: result.log }),
    ...(result.info === '' ? {} : { info: result.info }),
    ...(result.gasWanted === 0n ? {} : { gas_wanted: result.gasWanted.toString() }),
    ...(result.gasUsed === 0n ? {} : { gas_used: result.gasUsed.toString() }),
    ...(result.events.length === 0 ? {} : { events: renderEvents(result.events) }),
    ...(result.codespace === '' ? {} : { codespace: result.codespace }),
  };
}

function renderValidatorUpdate({ pubKey, power }: ValidatorUpdate): Json {
  const key = pubKey?.sum?.value ?? new Uint8Array();
  return { pub_key: { Sum: { type: 'tendermint.crypto.PublicKey_Ed25519', value: { ed25519: base64(key) } } }, power: power.toString() };
}

export function renderBlockResults(height: bigint, results: ResponseFinalizeBlock): Json {
  const { consensusParamUpdates } = results;
  return {
    height: height.toString(),
    txs_results: orNull(results.txResults.map(renderTxResult)),
    finalize_block_events: orNull(renderEvents(results.events)),
    validator_updates: orNull(results.validatorUpdates.map(renderValidatorUpdate)),
    consensus_param_updates: consensusParamUpdates === undefined ? null : consensusParamsToJson(consensusParamUpdates),
    app_hash: base64(results.appHash),
  };
}

/** The results inside an event of a new block. */
export function renderFinalizeBlock(results: ResponseFinalizeBlock): Json {
  return {
    ...(results.events.length === 0 ? {} : { events: renderEvents(results.events) }),
    ...(results.txResults.length === 0 ? {} : { tx_results: results.txResults.map(renderTxResult) }),
    validator_updates: results.validatorUpdates.map(renderValidatorUpdate),
    app_hash: base64(results.appHash),
  };
}

export function renderPubKey(publicKey: Uint8Array): Json {
  return { type: ED25519_PUBKEY_TYPE, value: base64(publicKey) };
}
