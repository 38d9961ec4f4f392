import { describe, expect, it } from 'vitest';

import { makeKeys } from '../../../../src/cli/devnet/keys.js';
import { Names } from '../../../../src/cli/devnet/names.js';
import { Narrator } from '../../../../src/cli/devnet/narrator.js';
import { Output } from '../../../../src/cli/frame/output.js';
import { ResponseFinalizeBlock } from '../../../../src/protocol/gen/tendermint/abci/types.js';
import type { RoleEvent } from '../../../../src/roles/role.js';
import { fakeIo } from '../harness.js';

const KEYS = makeKeys({ rounds: 1, miners: 2, cheaters: 1, proposers: 1, verifiers: 1, chunkTokens: 256, seed: 's' });
const ADDRESS = Object.fromEntries(KEYS.accounts.map((a) => [a.name, a.address])) as Record<string, string>;
const CID = 'bafkreiaygsvo7z5rsdxihccaxo24lxrvcqbp6edegzizoxt3nv6m7jg5hy';

function narrate(json: boolean, tell: (narrator: Narrator) => void): { stdout: string; stderr: string } {
  const fake = fakeIo();
  const mode = { json, stream: true, quiet: false, verbose: false, noColor: true, person: false, logLevel: 'info' as const };
  tell(new Narrator(new Output(fake.io, mode), new Names(KEYS)));
  return { stdout: fake.stdout(), stderr: fake.stderr() };
}
const block = (events: readonly { type: string; attributes: Record<string, string> }[], txs: readonly { code: number; log: string }[] = []) =>
  ResponseFinalizeBlock.fromPartial({
    events: events.map(({ type, attributes }) => ({ type, attributes: Object.entries(attributes).map(([key, value]) => ({ key, value, index: true })) })),
    txResults: txs.map(({ code, log }) => ({ code, log, codespace: 'training' })),
  });

describe('what the chain does, told to people', () => {
  it.each<[string, Record<string, string>, string]>([
    ['window_opened', { window_id: '3', jobs: '4', base_adapter_cid: CID }, 'window 3: 4 jobs on adapter bafkreiaygsvo7…'],
    ['gradients_included', { window_id: '3', included: '2', submitted: '4' }, 'window 3: 2 of 4 gradients included'],
    ['aggregation_accepted', { window_id: '3', adapter_cid: CID }, 'window 3: aggregation accepted, adapter bafkreiaygsvo7…'],
    ['case_opened', { case_id: '1', subject: 'gradient', subject_id: '9', opener: ADDRESS['miner-2']! }, 'case 1: against gradient 9, opened by miner-2'],
    ['case_opened', { case_id: '1', subject: 'gradient', subject_id: '9', opener: '' }, 'case 1: against gradient 9'],
    ['case_decided', { case_id: '1', layer: '2', verdict: 'invalid' }, 'case 1: layer 2 finds it invalid'],
    ['case_escalated', { case_id: '1', layer: '3', address: ADDRESS['cheater-1']! }, 'case 1: taken to layer 3 by cheater-1'],
    ['case_closed', { case_id: '1', verdict: 'invalid' }, 'case 1: closed, invalid'],
    ['slash', { address: ADDRESS['cheater-1']!, amount: '500000000', reason: 'wrong_gradient' }, 'slashed: cheater-1 loses 500 REMES (wrong gradient)'],
    ['window_closed', { window_id: '3', outcome: 'nothing_included' }, 'window 3: closed, nothing included'],
    ['window_reverted', { window_id: '3' }, 'window 3: reverted'],
    ['job_missed', { window_id: '3', miner: ADDRESS['miner-1']! }, 'window 3: miner-1 missed its job'],
    ['window_settled', { window_id: '3', budget: '1234500' }, 'window 3: settled, budget 1.2345 REMES'],
  ])('%s %j', (type, attributes, line) => {
    const told = narrate(false, (n) => n.block(7n, block([{ type, attributes }])));
    expect(told).toEqual({ stdout: '', stderr: `${line}\n` });
    const json = narrate(true, (n) => n.block(7n, block([{ type, attributes }])));
    expect(json.stderr).toBe('');
    expect(JSON.parse(json.stdout)).toEqual({ type, height: '7', ...attributes });
  });

  it('nothing of what only machines need', () => {
    const events = [{ type: 'transfer', attributes: { sender: 'a', recipient: 'b', amount: '1uremes' } }];
    for (const json of [true, false]) expect(narrate(json, (n) => n.block(7n, block(events)))).toEqual({ stdout: '', stderr: '' });
    // The lines before it said how it was accepted.
    expect(narrate(false, (n) => n.block(7n, block([{ type: 'window_closed', attributes: { window_id: '3', outcome: 'accepted' } }])))).toEqual({ stdout: '', stderr: '' });
  });

  it('a transaction that failed, with its reason; events of transactions in order', () => {
    const failed = block([], [{ code: 0, log: '' }, { code: 5, log: 'the window is closed' }]);
    expect(narrate(false, (n) => n.block(7n, failed)).stderr).toBe('a transaction failed: the window is closed\n');
    expect(JSON.parse(narrate(true, (n) => n.block(7n, failed)).stdout)).toEqual({ type: 'tx_failed', height: '7', codespace: 'training', code: 5, log: 'the window is closed' });
  });
});

describe('what roles do, told to people', () => {
  it.each(([
    [{ type: 'gradient', miner: ADDRESS['miner-1']!, cid: CID, loss: 4.56789, durationMs: 1234 }, 'miner-1: gradient bafkreiaygsvo7…, loss 4.5679, 1.2 s'],
    [{ type: 'attestation', proposer: ADDRESS['proposer-1']!, fetched: 3, of: 4 }, 'proposer-1: attests 3 of 4 files'],
    [{ type: 'reveal', proposer: ADDRESS['proposer-1']!, adapterCid: CID }, 'proposer-1: reveals adapter bafkreiaygsvo7…'],
    [{ type: 'report', verifier: ADDRESS['verifier-1']!, kind: 'audit', subject: 'gradient', subjectId: 9n, hash: 'ab'.repeat(32) }, 'verifier-1: audit of gradient 9, ababababababab…'],
    [{ type: 'unfetched', proposer: ADDRESS['proposer-1']!, gradient: 9n, reason: 'not found' }, 'proposer-1: could not take gradient 9: not found'],
    [{ type: 'escalation', address: ADDRESS['cheater-1']!, case: 2n }, 'cheater-1: escalates case 2'],
    [{ type: 'refused', address: ADDRESS['miner-2']!, message: 'MsgSubmitGradient', reason: 'closed' }, 'miner-2: MsgSubmitGradient was refused: closed'],
    [{ type: 'problem', address: ADDRESS['miner-2']!, reason: 'no disk' }, 'miner-2: no disk'],
    [{ type: 'restarted', role: 'miner-1', because: 'SIGKILL' }, 'role miner-1 ended by SIGKILL and was started again'],
  ] as [RoleEvent, string][]).map(([event, line]) => [line, event] as const))('%s', (line, event) => {
    expect(narrate(false, (n) => n.role('a role', event))).toEqual({ stdout: '', stderr: `${line}\n` });
    const json = JSON.parse(narrate(true, (n) => n.role('a role', event)).stdout) as Record<string, unknown>;
    expect(json).toMatchObject({ type: event.type, role: expect.any(String) as string });
    for (const [key, value] of Object.entries(event)) expect(json[key]).toBe(typeof value === 'bigint' ? String(value) : value);
  });

  it('nothing of an event without a line, which scripts still get', () => {
    const event = { type: 'commit', window: 3n } as unknown as RoleEvent;
    expect(narrate(false, (n) => n.role('proposers', event))).toEqual({ stdout: '', stderr: '' });
    expect(JSON.parse(narrate(true, (n) => n.role('proposers', event)).stdout)).toEqual({ type: 'commit', role: 'proposers', window: '3' });
  });
});
