/**
 * What every transaction must pass before its messages run, in this order: form, fee, signatures, sequences. Whatever
 * it writes (fee, public key, sequence) stays although a message fails later.
 */
import { addressFromPubkey, moduleAddress } from '../../protocol/address.js';
import { equalBytes, utf8 } from '../../protocol/bytes.js';
import { DENOM, formatAmount, positiveCoin } from '../../protocol/coins.js';
import { PubKey } from '../../protocol/gen/cosmos/crypto/secp256k1/keys.js';
import { SignMode } from '../../protocol/gen/cosmos/tx/signing/v1beta1/signing.js';
import type { SignerInfo } from '../../protocol/gen/cosmos/tx/v1beta1/tx.js';
import type { AuthParams } from '../../protocol/gen/remes/remes/v1/params.js';
import { type DecodedTx, directSignBytes } from '../../protocol/tx.js';
import type { MessageHandler } from '../module.js';
import { type Account, type AccountKeeper, SECP256K1_TYPE_URL, TX_SIG_LIMIT } from '../modules/auth/index.js';
import type { BankKeeper } from '../modules/bank/index.js';
import { sdkError } from '../modules/sdk-errors.js';
import type { ExecutionContext } from './context.js';
import { SIGNATURE_BYTES, type SignatureVerifier, isPubkey } from './signature.js';

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
const SIMULATED_PUBKEY = new Uint8Array(33).fill(2);

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

interface SignerPart {
  readonly signer: string;
  readonly info: SignerInfo;
  readonly signature: Uint8Array;
  readonly index: number;
}

function checkSigner(ctx: ExecutionContext, deps: AnteDeps, tx: DecodedTx, part: SignerPart, params: AuthParams, mode: Mode): void {
  const { signer, info, signature } = part;
  const account = deps.accounts.mustGet(ctx, signer);
  const pubkey = signerPubkey(account, part, mode);
  if (mode !== 'simulate') {
    requireDirect(info);
    if (info.sequence !== account.sequence) {
      throw sdkError(
        'WRONG_SEQUENCE',
        `account sequence mismatch, expected ${account.sequence}, got ${info.sequence}: incorrect account sequence`,
        'ask for the sequence again and sign anew',
      );
    }
  }
  ctx.useGas(params.sigVerifyCostSecp256k1, 'verification of a secp256k1 signature');
  if (mode === 'deliver' || mode === 'check') {
    const signBytes = directSignBytes(tx.raw, ctx.block.chainId, account.accountNumber);
    const valid =
      mode === 'check'
        ? deps.verifier.verifyAndRemember(pubkey, signBytes, signature)
        : deps.verifier.verify(pubkey, signBytes, signature);
    if (!valid) {
      throw sdkError(
        'UNAUTHORIZED',
        `signature verification failed; please verify account number (${account.accountNumber}), sequence (${account.sequence}) and chain-id (${ctx.block.chainId})`,
        'the signature must be 64 bytes, r then s, with s in its lower form',
      );
    }
  }
  deps.accounts.set(ctx, { ...account, pubkey, sequence: account.sequence + 1n });
  ctx.emit({ type: 'tx', attributes: { acc_seq: `${signer}/${account.sequence}` } });
}

/** The key of a signer: the one in the transaction, which must be the account's, or else the one it signed with before. */
function signerPubkey(account: Account, { signer, info, index }: SignerPart, mode: Mode): Uint8Array {
  if (info.publicKey === undefined || (mode === 'simulate' && info.publicKey.value.length === 0)) {
    if (account.pubkey !== undefined) return account.pubkey;
    if (mode === 'simulate') return SIMULATED_PUBKEY;
    throw sdkError('INVALID_PUBKEY', `signer ${index} (${signer}) has not signed before: its public key must come with the transaction`);
  }
  const { typeUrl, value } = info.publicKey;
  if (typeUrl !== SECP256K1_TYPE_URL) {
    throw sdkError('INVALID_PUBKEY', `expected a public key of type ${SECP256K1_TYPE_URL}, got ${typeUrl.slice(0, 80)}`);
  }
  const key = decodeKey(value, index);
  if (account.pubkey !== undefined && equalBytes(account.pubkey, key)) return account.pubkey;
  if (mode === 'simulate' && key.length === 0) return SIMULATED_PUBKEY;
  if (!isPubkey(key)) throw sdkError('INVALID_PUBKEY', `expected a compressed point of 33 bytes as public key of signer ${index}, got ${key.length} bytes`);
  if (addressFromPubkey(key) !== signer) {
    throw sdkError('INVALID_PUBKEY', `public key of ${addressFromPubkey(key)} does not match signer ${index}, which must be ${signer}`);
  }
  return key;
}

function decodeKey(value: Uint8Array, index: number): Uint8Array {
  try {
    return PubKey.decode(value).key;
  } catch (error) {
    throw sdkError('INVALID_PUBKEY', `public key of signer ${index} cannot be decoded: ${String(error)}`);
  }
}

function requireDirect(info: SignerInfo): void {
  const { modeInfo } = info;
  if (modeInfo?.sum?.$case === 'multi') throw sdkError('NOT_SUPPORTED', 'multisig accounts are not supported yet: sign with one key');
  const mode = modeInfo?.sum?.value.mode ?? SignMode.UNSPECIFIED;
  if (mode !== SignMode.DIRECT) {
    throw sdkError('NOT_SUPPORTED', `expected SIGN_MODE_DIRECT, got ${SIGN_MODE_NAMES.get(mode) ?? `sign mode ${mode}`}`, 'sign the protobuf bytes of the SignDoc');
  }
}

const SIGN_MODE_NAMES: ReadonlyMap<number, string> = new Map([
  [SignMode.UNSPECIFIED, 'SIGN_MODE_UNSPECIFIED'],
  [SignMode.TEXTUAL, 'SIGN_MODE_TEXTUAL'],
  [SignMode.DIRECT_AUX, 'SIGN_MODE_DIRECT_AUX'],
  [SignMode.LEGACY_AMINO_JSON, 'SIGN_MODE_LEGACY_AMINO_JSON'],
]);
