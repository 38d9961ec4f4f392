/** The real application behind the server: what others' servers got wrong. */
import { toBech32 } from '@cosmjs/encoding';
import { describe, expect, it } from 'vitest';

import { AbciServer } from '../../../../src/chain/abci/server.js';
import { createApp } from '../../../../src/chain/app/app.js';
import { createModules } from '../../../../src/chain/app/modules.js';
import type { Database } from '../../../../src/chain/store/database.js';
import { MemoryDatabase } from '../../../../src/chain/store/memory.js';
import { utf8 } from '../../../../src/protocol/bytes.js';
import { genesisDocToJson } from '../../../../src/protocol/genesis-doc.js';
import { taggedHash } from '../../../../src/protocol/hash.js';
import { cosmjsGenesis, validatorKey } from '../../../e2e/cosmjs-harness.js';
import { AbciClient, type Asked } from './client.js';

const genesis = cosmjsGenesis([], toBech32('remes', new Uint8Array(20).fill(3)));
const hash = new Uint8Array(32).fill(1);

/** Counts what is written. */
function counted(database: MemoryDatabase): { database: Database; writes: () => number } {
  let writes = 0;
  const proxy = new Proxy(database, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (name === 'write') writes++;
        return (value as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { database: proxy, writes: () => writes };
}

const init: Asked = {
  initChain: { time: genesis.genesisTime, chainId: genesis.chainId, validators: [], appStateBytes: utf8(JSON.stringify(genesisDocToJson(genesis)['app_state'])), initialHeight: 1n },
};

function block(height: bigint, txs: Uint8Array[] = [], misbehavior: NonNullable<Asked['finalizeBlock']>['misbehavior'] = []) {
  return { height, txs, misbehavior, time: { seconds: genesis.genesisTime.seconds + height, nanos: 0 }, hash, nextValidatorsHash: hash, proposerAddress: validatorKey.address };
}

async function served<T>(database: Database, work: (client: AbciClient) => Promise<T>): Promise<T> {
  const app = createApp({ database, report: () => undefined, ...createModules(taggedHash('test-vrf')) });
  const server = await AbciServer.listen({ app, address: { host: '127.0.0.1', port: 0 }, report: () => undefined });
  const client = new AbciClient(server.address);
  try {
    return await work(client);
  } finally {
    client.close();
    await server.close();
  }
}

/** The transactions that this proposer puts into a block. */
async function proposed(client: AbciClient, height: bigint): Promise<Uint8Array[]> {
  const [answer] = await client.ask({ prepareProposal: { ...block(height), maxTxBytes: 1_000_000n } });
  return answer!.prepareProposal!.txs;
}

async function seal(client: AbciClient, height: bigint, misbehavior: NonNullable<Asked['finalizeBlock']>['misbehavior'] = []): Promise<Uint8Array> {
  const txs = await proposed(client, height);
  const [processed, finalized, committed] = await client.ask({ processProposal: block(height, txs, misbehavior) }, { finalizeBlock: block(height, txs, misbehavior) }, { commit: {} });
  expect(processed!.processProposal!.status).toBe(1);
  expect(committed!.exception).toBeUndefined();
  expect(finalized!.finalizeBlock!.txResults).toHaveLength(txs.length);
  return finalized!.finalizeBlock!.appHash;
}

describe('the real application over ABCI', () => {
  it('writes to disk in Commit and nowhere else', async () => {
    const { database, writes } = counted(new MemoryDatabase());
    await served(database, async (client) => {
      const [started] = await client.ask(init);
      expect(started!.exception).toBeUndefined();
      for (let height = 1n; height <= 3n; height++) {
        const before = writes();
        const txs = await proposed(client, height);
        await client.ask(
          { checkTx: { tx: utf8('nothing') } },
          { query: { path: '/cosmos.bank.v1beta1.Query/Params' } },
          { processProposal: block(height, txs) },
          { finalizeBlock: block(height, txs) },
          { finalizeBlock: block(height, txs) }, // the block of another round
        );
        expect(writes()).toBe(before);
        await client.ask({ commit: {} });
        expect(writes()).toBe(before + 1);
      }
    });
  });

  it('is told of evidence twice, of nobody and of the past, and comes to the same state as one that is told in another order', async () => {
    const evidence = (address: Uint8Array, height: bigint) => ({ type: 1, validator: { address, power: 10n }, height, time: genesis.genesisTime, totalVotingPower: 10n });
    const all = [evidence(validatorKey.address, 1n), evidence(validatorKey.address, 1n), evidence(new Uint8Array(20).fill(7), 1n), evidence(new Uint8Array(), -5n), evidence(validatorKey.address, 10n ** 12n)];
    const hashes: Uint8Array[] = [];
    for (const misbehavior of [all, [...all.slice(1), all[0]!]]) {
      hashes.push(
        await served(new MemoryDatabase(), async (client) => {
          await client.ask(init);
          await seal(client, 1n);
          await seal(client, 2n, misbehavior);
          return seal(client, 3n, misbehavior);
        }),
      );
    }
    expect(hashes[1]).toEqual(hashes[0]);
  });

  it('answers what is out of order with an Exception, and goes on', async () => {
    await served(new MemoryDatabase(), async (client) => {
      const early = await client.ask({ finalizeBlock: block(1n) }, { commit: {} }, { checkTx: { tx: utf8('x') } });
      for (const answer of early) expect(answer.exception!.error.length).toBeGreaterThan(10);
      await client.ask(init);
      await seal(client, 1n);
      const late = await client.ask(init, { finalizeBlock: block(1n) }, { finalizeBlock: block(3n) }, { commit: {} });
      expect(late.map((answer) => answer.exception !== undefined)).toEqual([true, true, true, true]);
      await seal(client, 2n);
      const [info] = await client.ask({ info: {} });
      expect(info!.info).toMatchObject({ lastBlockHeight: 2n, appVersion: 1n });
    });
  });

  it('refuses a genesis with vote extensions', async () => {
    await served(new MemoryDatabase(), async (client) => {
      const [answer] = await client.ask({ initChain: { ...init.initChain, consensusParams: { abci: { voteExtensionsEnableHeight: 1n } } } });
      expect(answer!.exception!.error).toContain('vote_extensions_enable_height: expected 0, got 1');
      const [again] = await client.ask(init);
      expect(again!.initChain!.appHash.length).toBe(32);
    });
  });
});
