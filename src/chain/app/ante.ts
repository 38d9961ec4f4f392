/**
 * What every transaction must pass before its messages run, in this order: form, fee, signatures, sequences. Whatever
 * it writes (fee, public key, sequence) stays although a message fails later.
 */
import { moduleAddress } from '../../protocol/address.js';
import { utf8 } from '../../protocol/bytes.js';
import { DENOM, formatAmount, positiveCoin } from '../../protocol/coins.js';
import type { AuthParams } from '../../protocol/gen/remes/remes/v1/params.js';
import type { DecodedTx } from '../../protocol/tx.js';
import type { MessageHandler } from '../module.js';
import { type AccountKeeper, TX_SIG_LIMIT } from '../modules/auth/index.js';
import type { BankKeeper } from '../modules/bank/index.js';
import { sdkError } from '../modules/sdk-errors.js';
import type { ExecutionContext } from './context.js';
import { SIGNATURE_BYTES, type SignatureVerifier } from './signature.js';
import { checkSigner } from './signers.js';

/** Where fees go. */
export const FEE_COLLECTOR = 'fee_collector';
const FEE_COLLECTOR_ADDRESS = moduleAddress(FEE_COLLECTOR);

/**
 * `deliver` executes a block's transaction, `check` decides on one for the mempool, `recheck` repeats that after each
 * block (its signature cannot have changed), `simulate` estimates gas of one that nobody has signed yet.
 */
export type Mode = 'deliver' | 'check' | 'recheck' | 'simulate';

export interface AnteDeps {
  readonly accounts: AccountKeeper;
  readonly bank: BankKeeper;
  readonly verifier: SignatureVerifier;
}

export interface Message {
  readonly handler: MessageHandler;
  readonly value: Uint8Array;
}

const MICRO = 1_000_000n;
/** Bytes by which a signed transaction outgrows the one that is simulated: a signature each, and the fee. */
const SIMULATED_FEE_BYTES = 48;

/** What needs no state. @throws ChainError */
export function checkForm(tx: DecodedTx, messages: readonly Message[], params: AuthParams, height: bigint): void {
  const { body } = tx;
  if (messages.length === 0) throw sdkError('INVALID_REQUEST', 'expected at least one message, got none');
  const extension = body.extensionOptions[0];
  if (extension !== undefined) {
    throw sdkError('UNKNOWN_EXTENSION_OPTIONS', `extension option ${extension.typeUrl.slice(0, 80)} is not known here`);
  }
  const memoBytes = utf8(body.memo).length;
  if (BigInt(memoBytes) > params.maxMemoCharacters) {
    throw sdkError('MEMO_TOO_LARGE', `expected a memo of at most ${params.maxMemoCharacters} bytes, got ${memoBytes}`);
  }
  if (body.timeoutHeight !== 0n && height > body.timeoutHeight) {
    throw sdkError('TX_TIMEOUT_HEIGHT', `height ${height} is above the transaction's timeout height ${body.timeoutHeight}`);
  }
  if (tx.authInfo.tip !== undefined) throw sdkError('NOT_SUPPORTED', 'tips are not supported: expected none');
}

/** Who must sign: the signers of all messages, each once, in the order of their first appearance. @throws ChainError */
export function requiredSigners(messages: readonly Message[]): readonly [string, ...string[]] {
  const unique = new Set<string>();
  for (const { handler, value } of messages) for (const signer of handler.signers(value)) unique.add(signer);
  const [first, ...others] = unique;
  if (first === undefined) throw sdkError('NO_SIGNATURES', 'no message names a signer');
  if (unique.size > TX_SIG_LIMIT) {
    throw sdkError('TOO_MANY_SIGNATURES', `expected at most ${TX_SIG_LIMIT} signers, got ${unique.size}`);
  }
  return [first, ...others];
}

export function runAnte(ctx: ExecutionContext, deps: AnteDeps, tx: DecodedTx, messages: readonly Message[], params: AuthParams, mode: Mode): void {
  checkForm(tx, messages, params, ctx.block.height);
  const signers = requiredSigners(messages);
  const { signerInfos } = tx.authInfo;
  const { signatures } = tx.raw;
  if (signerInfos.length !== signers.length || signatures.length !== signers.length) {
    throw sdkError(
      signatures.length === 0 ? 'NO_SIGNATURES' : 'UNAUTHORIZED',
      `wrong number of signers; expected ${signers.length}, got ${signerInfos.length} signer infos and ${signatures.length} signatures`,
    );
  }
  if (mode !== 'recheck') for (const { handler, value } of messages) handler.checkStateless(value);

  let size = tx.bytes.length;
  if (mode === 'simulate') {
    size += SIMULATED_FEE_BYTES;
    for (const signature of signatures) size += SIGNATURE_BYTES - Math.min(SIGNATURE_BYTES, signature.length);
  }
  ctx.useGas(params.txSizeCostPerByte * BigInt(size), 'the size of the transaction');

  deductFee(ctx, deps, tx, signers[0], params, mode);
  for (const [index, signer] of signers.entries()) {
    const info = signerInfos[index];
    const signature = signatures[index];
    if (info === undefined || signature === undefined) throw new Error('signers were counted above');
    checkSigner(ctx, deps, tx, { signer, info, signature, index }, params, mode);
  }
}

function deductFee(ctx: ExecutionContext, deps: AnteDeps, tx: DecodedTx, payer: string, params: AuthParams, mode: Mode): void {
  const { fee } = tx.authInfo;
  if (mode === 'simulate') {
    // The fee is not known yet, but moving it costs gas: move the smallest one where the account has any coin.
    if (deps.bank.balance(ctx, payer) > 0n) deps.bank.send(ctx, payer, FEE_COLLECTOR_ADDRESS, 1n);
    return;
  }
  if (fee === undefined) throw sdkError('INSUFFICIENT_FEE', 'the transaction states no fee and no gas limit');
  if (fee.payer !== '' && fee.payer !== payer) {
    throw sdkError('UNAUTHORIZED', `expected the first signer ${payer} to pay the fee, got payer ${fee.payer.slice(0, 80)}`);
  }
  if (fee.granter !== '') throw sdkError('NOT_SUPPORTED', `fee grants are not supported: got granter ${fee.granter.slice(0, 80)}`);
  if (fee.amount.length > 1) throw sdkError('INSUFFICIENT_FEE', `expected a fee of one coin of ${DENOM}, got ${fee.amount.length} coins`);
  const given = fee.amount[0] === undefined ? 0n : positiveCoin(fee.amount[0], 'fee');
  const required = (fee.gasLimit * params.minGasPriceMicro + MICRO - 1n) / MICRO;
  if (given < required) {
    throw sdkError(
      'INSUFFICIENT_FEE',
      `insufficient fee; got: ${formatAmount(given)} required: ${formatAmount(required)}`,
      `the gas price is at least ${params.minGasPriceMicro} millionths of an ${DENOM}`,
    );
  }
  deps.accounts.mustGet(ctx, payer);
  if (given > 0n) deps.bank.send(ctx, payer, FEE_COLLECTOR_ADDRESS, given);
  ctx.emit({ type: 'tx', attributes: { fee: formatAmount(given), fee_payer: payer } });
}
