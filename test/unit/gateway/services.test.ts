/** What the gateway makes of answers that a small node never gives: evidence, full mempools, proofs, odd failures. */
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';

import { RpcAnswerError, readAnswer } from '../../../src/client/rpc.js';
import { R3mesError } from '../../../src/protocol/errors.js';
import type { Backend, QueryAnswer } from '../../../src/gateway/backend.js';
import { schema } from '../../../src/gateway/descriptors.js';
import { bytesToJson, type Json } from '../../../src/gateway/json/write.js';
import { Router } from '../../../src/gateway/router.js';
import { blockServices } from '../../../src/gateway/services/blocks.js';
import { txServices } from '../../../src/gateway/services/txs.js';
import { StatusError } from '../../../src/gateway/status.js';
import { GetBlockByHeightRequest, GetLatestValidatorSetRequest } from '../../../src/protocol/gen/cosmos/base/tendermint/v1beta1/query.js';
import { BroadcastMode, BroadcastTxRequest, GetTxRequest, GetTxsEventRequest, OrderBy } from '../../../src/protocol/gen/cosmos/tx/v1beta1/service.js';

const NOTHING: QueryAnswer = { code: 0, codespace: '', log: '', info: '', index: 0n, key: new Uint8Array(), value: new Uint8Array(), height: 9n, proofOps: undefined };

interface Fake {
  readonly answers?: Readonly<Record<string, unknown>>;
  readonly query?: Partial<QueryAnswer> | Error;
  readonly asked?: unknown[];
}

/** @param answers by the RPC's method: an answer, or an error to throw. */
function fakeBackend({ answers = {}, query = {}, asked = [] }: Fake): Backend {
  return {
    query: () => (query instanceof Error ? Promise.reject(query) : Promise.resolve({ ...NOTHING, ...query })),
    request: <S extends z.ZodType>(method: string, params: Readonly<Record<string, unknown>>, form: S) => {
      asked.push([method, params]);
      const answer = answers[method];
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(readAnswer(form, answer, method));
    },
  };
}

async function call(fake: Fake, path: string, request: Uint8Array, reported: unknown[] = []): Promise<Json | StatusError> {
  const router = new Router(fakeBackend(fake), [...blockServices('1.0.0'), ...txServices], (error) => reported.push(error));
  const method = schema().methods.get(path)!;
  try {
    return bytesToJson(method.output, (await router.call(method, request, 0n)).value);
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
}

const HASH = 'AB'.repeat(32);
const ID = { hash: HASH, parts: { total: 1, hash: HASH } };
const HEADER = {
  version: { block: '11' },
  chain_id: 'c-1',
  height: '5',
  time: '2026-11-25T06:03:20.5Z',
  last_block_id: ID,
  last_commit_hash: HASH,
  data_hash: '',
  validators_hash: HASH,
  next_validators_hash: HASH,
  consensus_hash: HASH,
  app_hash: HASH,
  last_results_hash: '',
  evidence_hash: '',
  proposer_address: 'CD'.repeat(20),
};
const VOTE = { type: 2, height: '4', round: 0, block_id: ID, timestamp: '2026-11-25T06:03:15Z', validator_address: 'CD'.repeat(20), validator_index: 1, signature: 'AAAA' };

describe('a block', () => {
  it('with evidence and absent signatures is shown whole', async () => {
    const block = {
      header: HEADER,
      data: { txs: null },
      evidence: {
        evidence: [
          { type: 'tendermint/DuplicateVoteEvidence', value: { vote_a: VOTE, vote_b: VOTE, TotalVotingPower: '30', ValidatorPower: '10', Timestamp: '2026-11-25T06:03:15Z' } },
          { type: 'tendermint/LightClientAttackEvidence', value: { ConflictingBlock: {}, CommonHeight: '3', ByzantineValidators: [], TotalVotingPower: '30', Timestamp: '2026-11-25T06:03:15Z' } },
        ],
      },
      last_commit: { height: '4', round: 0, block_id: ID, signatures: [{ block_id_flag: 1, validator_address: '', timestamp: '0001-01-01T00:00:00Z', signature: null }] },
    };
    const json = await call({ answers: { block: { block_id: ID, block } } }, '/cosmos.base.tendermint.v1beta1.Service/GetBlockByHeight', GetBlockByHeightRequest.encode({ height: 5n }).finish());
    expect(json).toMatchObject({
      block: {
        header: { height: '5', time: '2026-11-25T06:03:20.500Z', data_hash: null, version: { block: '11', app: '0' } },
        data: { txs: [] },
        evidence: {
          evidence: [
            { duplicate_vote_evidence: { vote_a: { type: 'SIGNED_MSG_TYPE_PRECOMMIT', height: '4', validator_index: 1 }, total_voting_power: '30', validator_power: '10' } },
            { light_client_attack_evidence: { common_height: '3', conflicting_block: null } },
          ],
        },
        last_commit: { signatures: [{ block_id_flag: 'BLOCK_ID_FLAG_ABSENT', validator_address: null, timestamp: '0001-01-01T00:00:00Z', signature: null }] },
      },
      sdk_block: { header: { proposer_address: expect.stringMatching(/^remesvalcons1/) as string } },
    });
  });

  it('whose answer is of another form is the node\'s fault', async () => {
    expect(await call({ answers: { block: { block: 5 } } }, '/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock', new Uint8Array())).toMatchObject({ status: 'UNKNOWN' });
  });
});

describe('validators', () => {
  it('go by pages: offset over limit, which must divide it', async () => {
    const asked: unknown[] = [];
    const answers = { validators: { block_height: '5', validators: null, total: '0' } };
    const request = (offset: bigint, limit: bigint, key = new Uint8Array()): Uint8Array =>
      GetLatestValidatorSetRequest.encode(GetLatestValidatorSetRequest.fromPartial({ pagination: { offset, limit, key } })).finish();
    const path = '/cosmos.base.tendermint.v1beta1.Service/GetLatestValidatorSet';
    await call({ answers, asked }, path, request(20n, 10n));
    await call({ answers, asked }, path, request(0n, 5000n));
    expect(asked).toEqual([
      ['validators', { page: '3', per_page: '10' }],
      ['validators', { page: '1', per_page: '100' }],
    ]);
    expect(await call({ answers }, path, request(5n, 10n))).toMatchObject({ status: 'INVALID_ARGUMENT' });
    expect(await call({ answers }, path, request(0n, 10n, Uint8Array.of(1)))).toMatchObject({ status: 'INVALID_ARGUMENT' });
    const beyond = { validators: new RpcAnswerError('validators', 'page should be within [1, 1] range, given 9') };
    expect(await call({ answers: beyond }, path, request(80n, 10n))).toMatchObject({ status: 'INVALID_ARGUMENT' });
  });
});

describe('sending', () => {
  const path = '/cosmos.tx.v1beta1.Service/BroadcastTx';
  const request = BroadcastTxRequest.encode({ txBytes: Uint8Array.of(1), mode: BroadcastMode.SYNC }).finish();

  it.each([
    ['tx already exists in cache', 19],
    ['mempool is full: number of txs 5000 (max: 5000), total txs bytes 1 (max: 2)', 20],
    ['Tx too large. Max size is 5, but got 6', 21],
  ])('that the mempool refuses by %j answers with the code of the SDK', async (words, code) => {
    expect(await call({ answers: { broadcast_tx_sync: new RpcAnswerError('broadcast_tx_sync', words) } }, path, request)).toMatchObject({ tx_response: { code, codespace: 'sdk', txhash: expect.stringMatching(/^[0-9A-F]{64}$/) as string } });
  });

  it('that fails otherwise is a failure', async () => {
    expect(await call({ answers: { broadcast_tx_sync: new RpcAnswerError('broadcast_tx_sync', 'on fire') } }, path, request)).toMatchObject({ status: 'UNKNOWN', httpStatus: 500 });
  });

  it('without waiting asks the node not to', async () => {
    const asked: unknown[] = [];
    const answers = { broadcast_tx_async: { code: 0, data: '', log: '', codespace: '', hash: HASH } };
    await call({ answers, asked }, path, BroadcastTxRequest.encode({ txBytes: Uint8Array.of(1), mode: BroadcastMode.ASYNC }).finish());
    expect(asked).toEqual([['broadcast_tx_async', { tx: 'AQ==' }]]);
  });
});

describe('searching', () => {
  it('joins the conditions of the older form, and asks for pages of either form', async () => {
    const asked: [string, Record<string, unknown>][] = [];
    const answers = { tx_search: { txs: null, total_count: '0' } };
    const search = (request: Parameters<typeof GetTxsEventRequest.fromPartial>[0]): Promise<unknown> => call({ answers, asked }, '/cosmos.tx.v1beta1.Service/GetTxsEvent', GetTxsEventRequest.encode(GetTxsEventRequest.fromPartial(request)).finish());
    expect(await search({ events: ["a.b='1'", "c.d='2'"], pagination: { offset: 10n, limit: 5n }, orderBy: OrderBy.DESC })).toMatchObject({ txs: [], tx_responses: [], total: '0' });
    await search({ query: "a.b='1'", page: 2n, limit: 7n });
    expect(asked.map(([, { query, page, per_page }]) => [query, page, per_page])).toEqual([
      ["a.b='1' AND c.d='2'", '3', '5'],
      ["a.b='1'", '2', '7'],
    ]);
  });

  it('tells a transaction that is not there from a node that is not', async () => {
    const request = GetTxRequest.encode({ hash: HASH }).finish();
    const path = '/cosmos.tx.v1beta1.Service/GetTx';
    expect(await call({ answers: { tx: new RpcAnswerError('tx', `tx (${HASH}) not found`) } }, path, request)).toMatchObject({ status: 'NOT_FOUND' });
    const gone = new R3mesError({ code: 'NODE_UNREACHABLE', message: 'the node at http://10.0.0.1 is away' });
    expect(await call({ answers: { tx: gone } }, path, request)).toMatchObject({ status: 'UNAVAILABLE', httpStatus: 503, message: expect.not.stringContaining('10.0.0.1') as string });
  });
});

describe('failures of the application', () => {
  const path = '/cosmos.bank.v1beta1.Query/Params';
  it.each([
    [{ code: 22, codespace: 'sdk', log: 'rpc error: code = NotFound desc = x: key not found' }, 'NOT_FOUND', 404],
    [{ code: 22, codespace: 'sdk', log: 'x' }, 'NOT_FOUND', 404],
    [{ code: 18, codespace: 'sdk', log: 'rpc error: code = InvalidArgument desc = x' }, 'INVALID_ARGUMENT', 400],
    [{ code: 6, codespace: 'sdk', log: 'unknown query path "/x": unknown request' }, 'UNIMPLEMENTED', 501],
    [{ code: 6, codespace: 'sdk', log: 'something else' }, 'INVALID_ARGUMENT', 400],
    [{ code: 26, codespace: 'sdk', log: 'expected height 5' }, 'INVALID_ARGUMENT', 400],
    [{ code: 35, codespace: 'sdk', log: 'internal error' }, 'INTERNAL', 500],
    [{ code: 4, codespace: 'sdk', log: 'no' }, 'UNAUTHENTICATED', 401],
    [{ code: 7, codespace: 'remes', log: 'rpc error: code = Unimplemented desc = x' }, 'UNIMPLEMENTED', 501],
    [{ code: 3, codespace: 'remes', log: 'no such window' }, 'INVALID_ARGUMENT', 400],
  ])('%j is %s, HTTP %i', async (query, status, httpStatus) => {
    expect(await call({ query }, path, new Uint8Array())).toMatchObject({ status, httpStatus });
  });

  it('that are bugs are reported, and clients are told nothing of them', async () => {
    const reported: unknown[] = [];
    const bug = new TypeError('secret');
    const answer = await call({ query: bug }, path, new Uint8Array(), reported);
    expect(answer).toMatchObject({ status: 'INTERNAL', message: expect.not.stringContaining('secret') as string });
    expect(reported).toEqual([bug]);
  });
});
