import type { Any } from '../../protocol/gen/google/protobuf/any.js';
import { TxMsgData } from '../../protocol/gen/cosmos/base/abci/v1beta1/abci.js';
import type { Event, ExecTxResult } from '../../protocol/gen/tendermint/abci/types.js';
import type { AuthParams } from '../../protocol/gen/remes/remes/v1/params.js';
import { ChainError, R3mesError } from '../../protocol/errors.js';
import { type DecodedTx, decodeTx } from '../../protocol/tx.js';
import type { BlockInfo, MessageHandler, Module, ModuleEvent } from '../module.js';
import { SDK_CODES, SDK_CODESPACE, sdkError } from '../modules/sdk-errors.js';
import type { Branch } from '../store/branch.js';
import { DatabaseError } from '../store/database.js';
import { type AnteDeps, type Message, type Mode, requiredSigners, runAnte } from './ante.js';
import { ExecutionContext, ReadContext } from './context.js';
import { GasMeter } from './gas.js';
import type { Candidate } from './proposal.js';

const GAS_MAX = (1n << 63n) - 1n;
/** Bounds the work that one simulation may cause. */
const SIMULATE_GAS_LIMIT = 50_000_000n;

/** Called with what nobody can be answered with: a bug found while executing. */
export type Report = (message: string, cause?: unknown) => void;

export interface Failure {
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
}

/**
 * The error that a client sees. Bugs become `sdk/35` and are reported, so that one handler cannot stop the chain.
 * @throws DatabaseError again: whoever cannot read the state must stop instead of judging transactions.
 */
export function toFailure(error: unknown, report: Report): Failure {
  if (error instanceof DatabaseError) throw error;
  if (error instanceof R3mesError) {
    const log = error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
    return error instanceof ChainError
      ? { code: error.abciCode, codespace: error.codespace, log }
      : { code: SDK_CODES.INVALID_REQUEST, codespace: SDK_CODESPACE, log };
  }
  report('internal error in a handler', error);
  return { code: SDK_CODES.INTERNAL, codespace: SDK_CODESPACE, log: 'internal error: please report it' };
}

/** Empty values are left out by CometBFT's own index as well, and empty keys it refuses. */
export function toAbciEvents(events: readonly ModuleEvent[]): Event[] {
  return events.map(({ type, attributes }) => ({
    type,
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value, index: true })),
  }));
}

export class TxExecutor {
  readonly #deps: AnteDeps;
  readonly #handlers = new Map<string, MessageHandler>();
  readonly #report: Report;

  constructor(deps: AnteDeps, modules: readonly Module[], report: Report) {
    this.#deps = deps;
    this.#report = report;
    for (const handler of modules.flatMap((module) => module.messages)) {
      if (this.#handlers.has(handler.typeUrl)) throw new Error(`two handlers for ${handler.typeUrl}`);
      this.#handlers.set(handler.typeUrl, handler);
    }
  }

  /** @throws ChainError sdk/21 above the limit of `AuthParams`, sdk/2 for bytes that are no transaction. */
  decode(bytes: Uint8Array, { maxTxBytes }: AuthParams): DecodedTx {
    if (BigInt(bytes.length) > maxTxBytes) {
      throw sdkError('TX_TOO_LARGE', `expected a transaction of at most ${maxTxBytes} bytes, got ${bytes.length}`);
    }
    try {
      return decodeTx(bytes);
    } catch (error) {
      if (!(error instanceof R3mesError)) throw error;
      throw sdkError('TX_DECODE', error.message, error.hint);
    }
  }

  /** What a proposer must know of a transaction of its mempool; nothing where no block can let it in. @throws DatabaseError */
  inspect(bytes: Uint8Array, params: AuthParams): Candidate | undefined {
    try {
      const { body, authInfo } = this.decode(bytes, params);
      const signers = requiredSigners(body.messages.map((any) => this.#message(any)));
      return { gas: authInfo.fee?.gasLimit ?? 0n, signers, sequence: authInfo.signerInfos[0]?.sequence ?? 0n };
    } catch (error) {
      toFailure(error, this.#report);
      return undefined;
    }
  }

  /**
   * Runs one transaction on `branch`. Its fee and sequence stay on it where the messages fail; nothing stays where it
   * was not let in. Never throws for any bytes, save DatabaseError.
   * @param maxGas of a block; −1 for none.
   */
  run(block: BlockInfo, branch: Branch, bytes: Uint8Array, mode: Mode, maxGas: bigint): ExecTxResult {
    let meter = new GasMeter(0n);
    let events: readonly ModuleEvent[] = [];
    const result = { code: 0, data: new Uint8Array(), log: '', info: '', gasWanted: 0n, gasUsed: 0n, events: [] as Event[], codespace: '' };
    try {
      const params = this.#deps.accounts.params(new ReadContext(block, branch));
      const tx = this.decode(bytes, params);
      meter = new GasMeter(gasLimit(tx, mode, maxGas));
      const ctx = new ExecutionContext(block, branch, meter);
      const messages = tx.body.messages.map((any) => this.#message(any));

      const ante = ctx.child();
      runAnte(ante, this.#deps, tx, messages, params, mode);
      ctx.adopt(ante);
      events = ctx.events;

      if (mode === 'deliver' || mode === 'simulate') {
        const execution = ctx.child();
        const responses = messages.map((message, index) => runMessage(execution, message, index));
        ctx.adopt(execution);
        result.data = TxMsgData.encode(TxMsgData.fromPartial({ msgResponses: responses })).finish();
      }
    } catch (error) {
      Object.assign(result, toFailure(error, this.#report));
    }
    result.events = toAbciEvents(events);
    result.gasWanted = meter.limit;
    result.gasUsed = meter.used;
    return result;
  }

  #message(any: Any): Message {
    const handler = this.#handlers.get(any.typeUrl);
    if (handler !== undefined) return { handler, value: any.value };
    throw sdkError('UNKNOWN_REQUEST', `no message type ${JSON.stringify(any.typeUrl.slice(0, 120))} is known here`);
  }
}

/** @throws ChainError sdk/41 for a limit above the block's. */
function gasLimit(tx: DecodedTx, mode: Mode, maxGas: bigint): bigint {
  const highest = maxGas < 0n ? GAS_MAX : maxGas;
  if (mode === 'simulate') return highest < SIMULATE_GAS_LIMIT ? highest : SIMULATE_GAS_LIMIT;
  const limit = tx.authInfo.fee?.gasLimit ?? 0n;
  if (limit > highest) throw sdkError('INVALID_GAS_LIMIT', `expected a gas limit of at most ${highest} (one block), got ${limit}`);
  return limit;
}

/** Events of a message carry its index, as the SDK's do. */
function runMessage(execution: ExecutionContext, { handler, value }: Message, index: number): Any {
  const msgIndex = index.toString();
  const before = execution.events.length;
  execution.emit({ type: 'message', attributes: { action: handler.typeUrl, sender: handler.signers(value)[0] ?? '' } });
  let response: Uint8Array;
  try {
    response = handler.execute(execution, value);
  } catch (error) {
    if (!(error instanceof R3mesError) || error instanceof DatabaseError) throw error;
    const { code, codespace, log } = toFailure(error, () => undefined);
    throw new ChainError(codespace, code, error.code, `failed to execute message; message index: ${index}: ${log}`);
  }
  for (let i = before; i < execution.events.length; i++) {
    const event = execution.events[i];
    if (event !== undefined) execution.events[i] = { type: event.type, attributes: { ...event.attributes, msg_index: msgIndex } };
  }
  return { typeUrl: handler.responseTypeUrl, value: response };
}
