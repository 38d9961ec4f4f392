import { type AnyCommand, defineCommand, type Noun } from '../../frame/command.js';
import { choice, optional, setting, text } from '../../frame/option.js';
import { amount, TX_JSON, TX_OPTIONS } from '../../session/options.js';

const PARTS = ['miner', 'proposer', 'verifier'] as const;
const part = choice({ placeholder: 'PART', choices: PARTS, summary: PARTS.join(', ') });

const send = defineCommand({
  name: 'send',
  summary: 'send coins',
  args: { to: text({ placeholder: 'TO', summary: 'address that receives, remes1…' }), amount },
  options: TX_OPTIONS,
  examples: [
    ['tx send remes1… 1.5remes', 'asks for the password, waits for the block'],
    ['tx send remes1… 1500000 --password-file pw.txt --json', 'for scripts: exit code 1 where it failed, 8 where it is still pending'],
  ],
  json: { ...TX_JSON, from: 'who sent', to: 'who received', amount: 'in uremes' },
  load: async () => (await import('./send.js')).txSend,
});

const register = defineCommand({
  name: 'register',
  summary: 'register for a part of training and escrow a stake',
  details: 'The stake comes back after r3mes tx unregister, when the unbonding time is over. A fault that is proved costs a part of it.',
  args: { part },
  options: { ...TX_OPTIONS, stake: optional(text({ placeholder: 'AMOUNT', summary: 'stake; the smallest that is allowed if not given' })), payout: setting('payout') },
  examples: [['tx register miner --yes', 'escrows the smallest stake of a miner without asking']],
  json: { ...TX_JSON, part: 'the part', address: 'who registered', stake: 'in uremes', effectiveHeight: 'first height at which the stake counts' },
  load: async () => (await import('./register.js')).txRegister,
});

const topUp = defineCommand({
  name: 'top-up',
  summary: 'add to the stake of a registration',
  args: { part, amount },
  options: TX_OPTIONS,
  examples: [['tx top-up miner 100remes --yes', 'adds 100 REMES to the stake']],
  json: { ...TX_JSON, part: 'the part', address: 'whose stake', stake: 'in uremes, with what was added' },
  load: async () => (await import('./register.js')).txTopUp,
});

const reactivate = defineCommand({
  name: 'reactivate',
  summary: 'take part again after missed jobs made a registration inactive',
  args: { part },
  options: TX_OPTIONS,
  examples: [['tx reactivate miner', 'jobs come again from the next epoch on']],
  json: { ...TX_JSON, part: 'the part', address: 'who', effectiveHeight: 'first height at which the stake counts again' },
  load: async () => (await import('./register.js')).txReactivate,
});

const unregister = defineCommand({
  name: 'unregister',
  summary: 'end a registration; the stake comes back after the unbonding time',
  args: { part },
  options: TX_OPTIONS,
  examples: [['tx unregister miner --yes', 'no new jobs from now on']],
  json: { ...TX_JSON, part: 'the part', address: 'who', stake: 'in uremes, what comes back if nothing is slashed until then' },
  load: async () => (await import('./register.js')).txUnregister,
});

const commands: readonly AnyCommand[] = [send, register, topUp, reactivate, unregister];

export const txNoun: Noun = { name: 'tx', summary: 'sign and send: send, register, top-up, reactivate, unregister', commands };
