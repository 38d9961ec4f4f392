/** What the metrics say of an application, and that measuring it changes no answer. */
import { describe, expect, it } from 'vitest';

import type { Application } from '../../../../src/chain/abci/application.js';
import { createAppMetrics } from '../../../../src/cli/metrics/app-metrics.js';
import { metered } from '../../../../src/cli/metrics/metered.js';
import { CheckTxType, type ExecTxResult, type RequestFinalizeBlock, type ResponseFinalizeBlock } from '../../../../src/protocol/gen/tendermint/abci/types.js';

const NAMES = ['info', 'initChain', 'checkTx', 'prepareProposal', 'processProposal', 'finalizeBlock', 'commit', 'query', 'listSnapshots', 'loadSnapshotChunk', 'offerSnapshot', 'applySnapshotChunk'] as const;

/** Answers every call with what `answers` says, and notes what it was asked. */
function fakeApp(answers: Readonly<Record<string, unknown>>): { app: Application; asked: [string, unknown][] } {
  const asked: [string, unknown][] = [];
  const entries = NAMES.map((name) => [
    name,
    (request: unknown) => {
      asked.push([name, request]);
      const answer = answers[name];
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  ]);
  return { app: Object.fromEntries(entries) as Application, asked };
}

const result = (code: number, gasUsed: bigint, events: readonly string[] = []): ExecTxResult => ({
  code,
  codespace: code === 0 ? '' : 'sdk',
  gasUsed,
  gasWanted: 0n,
  data: new Uint8Array(),
  log: '',
  info: '',
  events: events.map((type) => ({ type, attributes: [] })),
});

const results = (txResults: ExecTxResult[]): ResponseFinalizeBlock => ({ txResults, events: [], validatorUpdates: [], consensusParamUpdates: undefined, appHash: new Uint8Array() });

const block = (height: bigint, seconds: bigint, sizes: readonly number[]): RequestFinalizeBlock => ({
  height,
  time: { seconds, nanos: 500_000_000 },
  txs: sizes.map((size) => new Uint8Array(size)),
  decidedLastCommit: undefined,
  misbehavior: [],
  hash: new Uint8Array(),
  nextValidatorsHash: new Uint8Array(),
  proposerAddress: new Uint8Array(),
});

describe('a measured application', () => {
  it('passes every call and every answer on', async () => {
    const answers = Object.fromEntries(NAMES.map((name) => [name, { of: name, txResults: [], codespace: '', code: 0 }]));
    const { app, asked } = fakeApp(answers);
    const around = metered(app, createAppMetrics()) as unknown as Record<string, (request: unknown) => Promise<unknown>>;
    expect(Object.keys(around).sort()).toEqual([...NAMES].sort());
    for (const name of NAMES) {
      const request = { height: 1n, time: undefined, txs: [], type: CheckTxType.NEW };
      expect(await around[name]!(request)).toBe(answers[name]);
      expect(asked.pop()).toEqual([name, name === 'commit' || name === 'listSnapshots' ? undefined : request]);
    }
  });

  it('counts blocks when they are committed, transactions by result, and gradients that were taken up', async () => {
    const metrics = createAppMetrics(() => 5000);
    const { app } = fakeApp({ finalizeBlock: results([result(0, 100n, ['tx', 'submit_gradient']), result(5, 40n, ['submit_gradient']), result(0, 1n)]), commit: {} });
    const around = metered(app, metrics);
    await around.finalizeBlock(block(7n, 100n, [300, 20, 1]));
    expect(await metrics.registry.metrics()).not.toMatch(/^r3mes_(height|app_hash_age_seconds) /m);
    await around.commit();
    await around.finalizeBlock(block(8n, 102n, [300, 20, 1]));
    await around.commit();
    const text = await metrics.registry.metrics();
    for (const line of [
      'r3mes_height 8',
      'r3mes_block_time_seconds 102.5',
      'r3mes_block_transactions 3',
      'r3mes_block_interval_seconds_sum 2',
      'r3mes_block_interval_seconds_count 1',
      'r3mes_block_size_bytes_sum 642',
      'r3mes_transactions_total{codespace="",code="0"} 4',
      'r3mes_transactions_total{codespace="sdk",code="5"} 2',
      'r3mes_gas_used_total 282',
      'r3mes_gradients_total 2',
      'r3mes_app_hash_age_seconds 0',
      'r3mes_abci_duration_seconds_count{call="commit"} 2',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('times checks by their kind, and calls that fail as well', async () => {
    const metrics = createAppMetrics();
    let nowMs = 0;
    const { app } = fakeApp({ checkTx: { codespace: 'sdk', code: 4 }, finalizeBlock: new Error('disk full') });
    const around = metered(app, metrics, () => (nowMs += 250));
    await around.checkTx({ tx: new Uint8Array(), type: CheckTxType.NEW });
    await around.checkTx({ tx: new Uint8Array(), type: CheckTxType.RECHECK });
    await expect(around.finalizeBlock(block(1n, 1n, []))).rejects.toThrow('disk full');
    const lines = (await metrics.registry.metrics()).split('\n');
    expect(lines).toContain('r3mes_checks_total{kind="recheck",codespace="sdk",code="4"} 1');
    for (const call of ['check_tx', 'recheck_tx', 'finalize_block']) expect(lines).toContain(`r3mes_abci_duration_seconds_sum{call="${call}"} 0.25`);
  });
});
