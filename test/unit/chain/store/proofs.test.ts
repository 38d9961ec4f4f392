/** Proofs against independent verifiers: @confio/ics23, and queryStoreVerified of CosmJS 0.32. */
import { ics23, iavlSpec, tendermintSpec, verifyExistence, verifyNonExistence } from '@confio/ics23';
import { QueryClient } from 'cosmjs-stargate-032';
import { Comet38Client } from 'cosmjs-tendermint-rpc-032';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { BranchStore } from '../../../../src/chain/store/branch.js';
import { MemoryDatabase } from '../../../../src/chain/store/memory.js';
import { proveKey } from '../../../../src/chain/store/proofs.js';
import type { StateVersion } from '../../../../src/chain/store/state-version.js';
import { StateStore } from '../../../../src/chain/store/state.js';
import { utf8 } from '../../../../src/protocol/bytes.js';
import type { ProofOp } from '../../../../src/protocol/gen/tendermint/crypto/proof.js';
import { TestChain, testAccount } from '../../../app/harness.js';

/** Throws unless the proof shows that `store` holds `value` at `key`, or nothing, in the state of `appHash`. */
function verify([first, second]: readonly ProofOp[], appHash: Uint8Array, store: string, key: Uint8Array, value: Uint8Array | undefined): void {
  expect([first?.type, second?.type]).toEqual(['ics23:iavl', 'ics23:simple']);
  const inStore = ics23.CommitmentProof.decode(first!.data);
  const ofStore = ics23.CommitmentProof.decode(second!.data);
  const root = ofStore.exist!.value!;
  if (value === undefined) verifyNonExistence(inStore.nonexist as ics23.INonExistenceProof, iavlSpec, root, key);
  else verifyExistence(inStore.exist as ics23.IExistenceProof, iavlSpec, root, key, value);
  verifyExistence(ofStore.exist as ics23.IExistenceProof, tendermintSpec, appHash, utf8(store), root);
}

/** Stores `a`, `bank` and `c` after some blocks of random writes and deletions, and what each block left. */
async function randomState(blocks: readonly (readonly [string, number, number])[][]): Promise<{ store: StateStore; models: Map<string, Uint8Array>[]; hashes: Uint8Array[] }> {
  const store = new StateStore(new MemoryDatabase(), { keepVersions: 50, cachedNodes: 4 });
  const models: Map<string, Uint8Array>[] = [];
  const hashes: Uint8Array[] = [];
  const model = new Map<string, Uint8Array>();
  for (const [index, writes] of blocks.entries()) {
    const branch = store.branch();
    for (const name of ['a', 'bank', 'c']) new BranchStore(branch, name).set(utf8('always'), Uint8Array.of(index + 1));
    for (const [name, id, value] of writes) {
      const key = Uint8Array.of(id);
      if (value === 0) {
        new BranchStore(branch, name).delete(key);
        model.delete(`${name}/${id}`);
      } else {
        new BranchStore(branch, name).set(key, Uint8Array.of(value));
        model.set(`${name}/${id}`, Uint8Array.of(value));
      }
    }
    const prepared = store.prepare(BigInt(index + 1), branch.changes());
    await store.commit(1n, prepared);
    models.push(new Map(model));
    hashes.push(prepared.appHash);
  }
  return { store, models, hashes };
}

const write = fc.tuple(fc.constantFrom('a', 'bank', 'c'), fc.nat(40), fc.nat(3));
const history = fc.array(fc.array(write, { maxLength: 20 }), { minLength: 1, maxLength: 12 });

describe('a proof', () => {
  it('shows of every key, at every kept height, that it is there with its value or not there at all', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (blocks) => {
        const { store, models, hashes } = await randomState(blocks);
        for (const [index, model] of models.entries()) {
          const state = store.at(BigInt(index + 1)) as StateVersion;
          for (const name of ['a', 'bank', 'c']) {
            for (let id = 0; id <= 41; id++) {
              const key = Uint8Array.of(id);
              const expected = model.get(`${name}/${id}`);
              const { value, ops } = proveKey(state, name, key);
              expect(value).toEqual(expected);
              verify(ops, hashes[index]!, name, key, expected);
            }
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  it('shows nothing else: not another value, key, store, height or that what is there is not', async () => {
    const { store, hashes } = await randomState([
      [['a', 1, 1], ['a', 3, 1], ['bank', 1, 1]],
      [['a', 1, 2]],
    ]);
    const [before, after] = hashes as [Uint8Array, Uint8Array];
    const there = proveKey(store.at(2n)!, 'a', Uint8Array.of(1));
    verify(there.ops, after, 'a', Uint8Array.of(1), Uint8Array.of(2));
    expect(() => verify(there.ops, after, 'a', Uint8Array.of(1), Uint8Array.of(1))).toThrow();
    expect(() => verify(there.ops, after, 'a', Uint8Array.of(3), Uint8Array.of(2))).toThrow();
    expect(() => verify(there.ops, before, 'a', Uint8Array.of(1), Uint8Array.of(2))).toThrow();
    expect(() => verify(there.ops, after, 'bank', Uint8Array.of(1), Uint8Array.of(2))).toThrow();
    const absent = proveKey(store.at(2n)!, 'a', Uint8Array.of(2));
    verify(absent.ops, after, 'a', Uint8Array.of(2), undefined);
    expect(() => verify(absent.ops, after, 'a', Uint8Array.of(1), undefined)).toThrow();
    expect(() => verify(absent.ops, after, 'a', Uint8Array.of(4), undefined)).toThrow();
  });

  it('cannot be made in an empty store or of an empty value, which is said', async () => {
    const store = new StateStore(new MemoryDatabase());
    const branch = store.branch();
    new BranchStore(branch, 'a').set(Uint8Array.of(1), new Uint8Array());
    new BranchStore(branch, 'b').delete(Uint8Array.of(1));
    await store.commit(1n, store.prepare(1n, branch.changes()));
    expect(() => proveKey(store.at(1n)!, 'a', Uint8Array.of(1))).toThrow('the value of key 01 of store a is empty');
    expect(() => proveKey(store.at(1n)!, 'b', Uint8Array.of(1))).toThrow('store b is empty');
  });
});

describe('abci_query for a key of a store', () => {
  let chain: TestChain;
  beforeEach(async () => {
    chain = await TestChain.start({ balances: { alice: 10_000_000n } });
    await chain.blocks(3);
  });
  afterEach(() => chain.close());

  const ask = (data: Uint8Array, options: { path?: string; height?: bigint; prove?: boolean } = {}) =>
    chain.app.query({ path: options.path ?? '/store/app/key', data, height: options.height ?? 0n, prove: options.prove ?? true });

  it('gives value and proof, at the latest or a kept height', async () => {
    const key = Uint8Array.of(1);
    const answer = await ask(key);
    expect(answer).toMatchObject({ code: 0, height: 3n, key });
    expect(Buffer.from(answer.value).toString()).toBe('r3mes-test');
    verify(answer.proofOps!.ops, Buffer.from(chain.appHash, 'hex'), 'app', key, answer.value);
    const missing = await ask(Uint8Array.of(9), { height: 2n });
    expect(missing).toMatchObject({ code: 0, height: 2n, value: new Uint8Array() });
    expect(missing.proofOps?.ops).toHaveLength(2);
    expect(await ask(key, { prove: false })).toMatchObject({ code: 0, value: answer.value, proofOps: undefined });
  });

  it('refuses unknown stores, heights that are not kept and no key', async () => {
    expect(await ask(Uint8Array.of(1), { path: '/store/nothing/key' })).toMatchObject({ code: 6, log: expect.stringMatching(/no such store: "nothing"; expected one of app, auth, bank/) as string });
    expect(await ask(Uint8Array.of(1), { height: 4n })).toMatchObject({ code: 26 });
    expect(await ask(new Uint8Array())).toMatchObject({ code: 18 });
    expect(await ask(Uint8Array.of(1), { path: '/store/app/subspace' })).toMatchObject({ code: 37 });
  });

  it('is verified by queryStoreVerified of CosmJS 0.32 against the next header', async () => {
    const headers = new Map<number, string>();
    for (let i = 0; i < 3; i++) {
      headers.set(Number(chain.height) + 1, chain.appHash);
      await chain.block();
    }
    const answerRpc = async (method: string, params: Record<string, string>): Promise<unknown> => {
      if (method !== 'abci_query') {
        const height = Number(params['maxHeight']);
        return { last_height: `${chain.height}`, block_metas: [{ block_id: blockId, block_size: '1', num_txs: '0', header: header(height, headers.get(height)!) }] };
      }
      const { code, log, key, value, proofOps, height, codespace } = await ask(Buffer.from(params['data']!, 'hex'), { path: params['path']!, height: BigInt(params['height'] ?? 0) });
      const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
      const ops = proofOps!.ops.map(({ type, key: opKey, data }) => ({ type, key: base64(opKey), data: base64(data) }));
      return { response: { code, log, info: '', index: '0', key: base64(key), value: base64(value), proofOps: { ops }, height: `${height}`, codespace } };
    };
    const comet = Comet38Client.create({
      execute: async ({ method, params, id }) => ({ jsonrpc: '2.0', id, result: await answerRpc(method, params as Record<string, string>) }),
      disconnect: () => undefined,
    });
    const client = QueryClient.withExtensions(await comet);
    const height = Number(chain.height) - 2;
    const { value } = await client.queryStoreVerified('app', Uint8Array.of(1), height);
    expect(Buffer.from(value).toString()).toBe('r3mes-test');
    expect((await client.queryStoreVerified('app', Uint8Array.of(77), height)).value).toHaveLength(0);
    const bank = await client.queryStoreVerified('bank', utf8(testAccount('alice').address), height);
    expect(bank.height).toBe(height);
    headers.set(height + 1, headers.get(height + 2)!);
    await expect(client.queryStoreVerified('app', Uint8Array.of(1), height)).rejects.toThrow();
  });
});

const blockId = { hash: 'AA'.repeat(32), parts: { total: 1, hash: 'AA'.repeat(32) } };

function header(height: number, appHash: string): Record<string, unknown> {
  const hash = 'AA'.repeat(32);
  const names = ['last_commit_hash', 'data_hash', 'validators_hash', 'next_validators_hash', 'consensus_hash', 'last_results_hash', 'evidence_hash'];
  return {
    version: { block: '11', app: '1' },
    chain_id: 'r3mes-test',
    height: `${height}`,
    time: '2026-01-01T00:00:00Z',
    last_block_id: blockId,
    ...Object.fromEntries(names.map((name) => [name, hash])),
    app_hash: appHash.toUpperCase(),
    proposer_address: 'AA'.repeat(20),
  };
}
