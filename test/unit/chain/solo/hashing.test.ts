import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import {
  blockId,
  commitHash,
  consensusHash,
  dataHash,
  headerHash,
  resultsHash,
  validatorsHash,
  voteSignBytes,
} from '../../../../src/chain/solo/hashing.js';
import { ValidatorKey } from '../../../../src/chain/solo/validator-key.js';
import { fromHex, toHex, utf8 } from '../../../../src/protocol/bytes.js';
import { Block } from '../../../../src/protocol/gen/tendermint/types/block.js';
import type { BlockID, BlockIDFlag, Commit, Header } from '../../../../src/protocol/gen/tendermint/types/types.js';
import { parseGenesisDoc } from '../../../../src/protocol/genesis-doc.js';
import { parseRfc3339 } from '../../../../src/protocol/rfc3339.js';

/** Recorded from CometBFT v0.38.26 with one validator; see the file's `source`. */
interface Recorded {
  key: unknown;
  genesis: Record<string, unknown>;
  blocks: {
    block_id: JsonBlockId;
    block_size: string;
    header: Record<string, string> & { version: { block: string; app: string }; last_block_id: JsonBlockId };
    txs: string[];
    last_commit: JsonCommit;
    commit: JsonCommit;
    results: { code: number; data: string | null; gas_wanted: string; gas_used: string }[];
    proof?: { root_hash: string };
  }[];
}
interface JsonBlockId {
  hash: string;
  parts: { total: number; hash: string };
}
interface JsonCommit {
  height: string;
  round: number;
  block_id: JsonBlockId;
  signatures: { block_id_flag: BlockIDFlag; validator_address: string; timestamp: string; signature: string }[];
}

const recorded = JSON.parse(readFileSync('test/vectors/cometbft/blocks.json', 'utf8')) as Recorded;
const base64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

function toBlockId(json: JsonBlockId): BlockID {
  return { hash: fromHex(json.hash), partSetHeader: { total: json.parts.total, hash: fromHex(json.parts.hash) } };
}
function toCommit(json: JsonCommit): Commit {
  return {
    height: BigInt(json.height),
    round: json.round,
    blockId: toBlockId(json.block_id),
    signatures: json.signatures.map((s) => ({
      blockIdFlag: s.block_id_flag,
      validatorAddress: fromHex(s.validator_address),
      timestamp: parseRfc3339(s.timestamp),
      signature: base64(s.signature),
    })),
  };
}
function toHeader(json: Recorded['blocks'][number]['header']): Header {
  const hash = (name: string): Uint8Array => fromHex(json[name] as string);
  return {
    version: { block: BigInt(json.version.block), app: BigInt(json.version.app) },
    chainId: json['chain_id']!,
    height: BigInt(json['height']!),
    time: parseRfc3339(json['time']!),
    lastBlockId: toBlockId(json.last_block_id),
    lastCommitHash: hash('last_commit_hash'),
    dataHash: hash('data_hash'),
    validatorsHash: hash('validators_hash'),
    nextValidatorsHash: hash('next_validators_hash'),
    consensusHash: hash('consensus_hash'),
    appHash: hash('app_hash'),
    lastResultsHash: hash('last_results_hash'),
    evidenceHash: hash('evidence_hash'),
    proposerAddress: hash('proposer_address'),
  };
}
const toTx = (text: string): Uint8Array => (text === 'big' ? utf8(`big=${'x'.repeat(150_000)}`) : base64(text));

describe('hashes of blocks that CometBFT made', () => {
  const genesis = parseGenesisDoc(JSON.stringify({ ...recorded.genesis, app_state: {} }));
  const key = ValidatorKey.fromFile(JSON.stringify(recorded.key), 'the recorded key');
  const [validator] = genesis.validators;

  it('covers blocks without, with several and with large transactions', () => {
    expect(recorded.blocks.map((b) => b.txs.length)).toEqual(expect.arrayContaining([0, 1, 5]));
    expect(Math.max(...recorded.blocks.map((b) => b.block_id.parts.total))).toBeGreaterThan(2);
  });

  it.each(recorded.blocks.map((b) => [b.header['height'], b] as const))('block %s', (_, json) => {
    const header = toHeader(json.header);
    const lastCommit = toCommit(json.last_commit);
    const txs = json.txs.map(toTx);
    const block: Block = { header, data: { txs }, evidence: { evidence: [] }, lastCommit };
    const encoded = Block.encode(block).finish();
    expect(encoded.length.toString()).toBe(json.block_size);
    expect(toHex(headerHash(header)).toUpperCase()).toBe(json.block_id.hash);
    expect(blockId(block, encoded)).toEqual(toBlockId(json.block_id));
    expect(dataHash(txs)).toEqual(header.dataHash);
    expect(commitHash(lastCommit)).toEqual(header.lastCommitHash);
    expect(consensusHash(genesis.consensusParams)).toEqual(header.consensusHash);
    expect(validatorsHash(validator!.publicKey, validator!.power)).toEqual(header.validatorsHash);
    expect(validator!.address).toEqual(header.proposerAddress);
    expect(key.publicKey).toEqual(validator!.publicKey);
  });

  it('results of one block are hashed into the header of the next', () => {
    const withTxs = recorded.blocks.filter((b) => b.results.length > 0);
    expect(withTxs.length).toBeGreaterThan(0);
    for (const json of withTxs) {
      const next = recorded.blocks.find((b) => Number(b.header['height']) === Number(json.header['height']) + 1);
      const results = json.results.map((r) => ({
        code: r.code,
        data: base64(r.data ?? ''),
        gasWanted: BigInt(r.gas_wanted),
        gasUsed: BigInt(r.gas_used),
        log: 'not hashed',
        info: 'neither',
        events: [],
        codespace: 'nor this',
      }));
      expect(toHex(resultsHash(results)).toUpperCase()).toBe(next!.header['last_results_hash']);
    }
  });

  it.each(recorded.blocks.map((b) => [b.header['height'], b] as const))('signatures of the commit for block %s', (_, json) => {
    const commit = toCommit(json.commit);
    const [signature] = commit.signatures;
    const bytes = voteSignBytes(genesis.chainId, commit.height, commit.blockId!, signature!.timestamp!);
    expect(Buffer.from(key.sign(bytes)).toString('base64')).toBe(Buffer.from(signature!.signature).toString('base64'));
  });

  it('gas belongs to the results hash, logs do not', () => {
    const base = { code: 0, data: new Uint8Array(), log: '', info: '', gasWanted: 1n, gasUsed: 2n, events: [], codespace: '' };
    expect(resultsHash([base])).toEqual(resultsHash([{ ...base, log: 'x', events: [{ type: 'a', attributes: [] }] }]));
    expect(resultsHash([base])).not.toEqual(resultsHash([{ ...base, gasUsed: 3n }]));
    expect(resultsHash([base])).not.toEqual(resultsHash([{ ...base, gasWanted: 3n }]));
    expect(resultsHash([base])).not.toEqual(resultsHash([{ ...base, code: 3 }]));
  });
});
