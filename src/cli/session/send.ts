import { type ChainMessage, TxFailedError, type TxOutcome } from '../../client/index.js';
import { R3mesError } from '../../protocol/errors.js';
import type { CommandResult } from '../frame/command.js';
import type { Context } from '../frame/context.js';
import { EXIT } from '../frame/exit-codes.js';
import type { JsonObject } from '../frame/json.js';
import { remes } from '../devnet/names.js';
import { type Account, orAborted } from './connect.js';
import { parseArgument, parseGas, parseMoney } from './values.js';

export interface TxArgs {
  readonly gas: string;
  readonly fees: string | undefined;
  readonly memo: string | undefined;
  readonly noWait: boolean;
  /** Seconds. */
  readonly timeout: number;
}

/** How a transaction is sent where no option says so. */
export const PLAIN_TX: TxArgs = { gas: 'auto', fees: undefined, memo: undefined, noWait: false, timeout: 60 };

export interface Sent {
  readonly hash: string;
  /** Nothing where its block was not waited for. */
  readonly outcome: TxOutcome | undefined;
}

/** @throws R3mesError INSUFFICIENT_FUNDS, UNKNOWN_ACCOUNT: told before anything is signed. */
export async function mustHold({ client, address }: Account, amount: bigint): Promise<void> {
  if ((await client.queries.account(address)) === undefined) {
    throw new R3mesError({ code: 'UNKNOWN_ACCOUNT', message: `account ${address} does not exist on ${client.chainId}`, hint: 'send coins to it first: receiving creates it' });
  }
  const balance = await client.queries.balance(address);
  if (balance >= amount) return;
  throw new R3mesError({
    code: 'INSUFFICIENT_FUNDS',
    message: `${address} has ${remes(balance)} (${balance} uremes), expected at least ${remes(amount)} (${amount} uremes)`,
    hint: 'choose a smaller amount, or send coins to it first',
  });
}

function refused(error: unknown): unknown {
  const isSimulation = error instanceof R3mesError && error.code === 'QUERY_FAILED' && error.message.includes('Service/Simulate');
  if (!isSimulation) return error;
  const why = error.message.replace(/^.* failed: /, '');
  return new R3mesError({ code: 'TX_REFUSED', message: `the chain would refuse this transaction: ${why}`, cause: error });
}

/**
 * Signs, sends, and waits for the block unless told not to. A transaction that failed in its block is an outcome, not an error.
 * @throws R3mesError TX_REFUSED, TX_PENDING; TxFailedError where the node did not let it in.
 */
export async function sendTx(ctx: Context, { client, signer }: Account, messages: readonly ChainMessage[], args: TxArgs): Promise<Sent> {
  const gas = parseArgument('--gas', args.gas, parseGas);
  const fee = args.fees === undefined ? {} : { fee: parseArgument('--fees', args.fees, parseMoney) };
  const submitted = await client.submit(signer, messages, { gas, memo: args.memo ?? '', ...fee }).catch((error: unknown) => {
    throw refused(error);
  });
  const { hash } = submitted;
  if (args.noWait) return { hash, outcome: undefined };
  ctx.out.note(`sent ${hash}, waiting for its block …`);
  try {
    return { hash, outcome: await orAborted(ctx.signal, client.wait(submitted, args.timeout * 1000)) };
  } catch (error) {
    if (error instanceof TxFailedError) {
      const outcome = await client.tx(hash);
      if (outcome !== undefined) return { hash, outcome };
    }
    if (!(error instanceof R3mesError && error.code === 'TIMEOUT')) throw error;
    throw new R3mesError({
      code: 'TX_PENDING',
      message: `transaction ${hash} is in no block after ${args.timeout} s`,
      hint: `it may still come: look for it with r3mes query tx ${hash} before sending it again`,
      retryable: true,
    });
  }
}

/** @throws TxFailedError where it failed in its block. */
export async function sendOrThrow(ctx: Context, account: Account, message: ChainMessage): Promise<TxOutcome> {
  const { hash, outcome } = await sendTx(ctx, account, [message], PLAIN_TX);
  if (outcome === undefined) throw new R3mesError({ code: 'TX_PENDING', message: `transaction ${hash} was not waited for` });
  if (outcome.code !== 0) throw new TxFailedError('TX_FAILED', hash, outcome.codespace, outcome.code, outcome.log);
  return outcome;
}

/** What a command that sent a transaction shows. @param more fields and a line that this command has besides. */
export function txResult({ hash, outcome }: Sent, more: JsonObject = {}, line = ''): CommandResult {
  if (outcome === undefined) {
    const none = { height: null, code: null, codespace: '', log: '', gasWanted: null, gasUsed: null };
    return { data: { hash, ...none, ...more }, text: `hash   ${hash}\nnot waited for its block: r3mes query tx ${hash}` };
  }
  const { height, code, codespace, log, gasWanted, gasUsed } = outcome;
  const lines = [`hash   ${hash}`, `height ${height}`, `code   ${code}${code === 0 ? '' : ` (${codespace}): ${log}`}`, `gas    ${gasUsed} of ${gasWanted}`];
  return {
    data: { hash, height, code, codespace, log: code === 0 ? '' : log, gasWanted, gasUsed, ...more },
    text: [...lines, ...(code === 0 && line !== '' ? [line] : [])].join('\n'),
    ...(code === 0 ? {} : { exitCode: EXIT.failure }),
  };
}
