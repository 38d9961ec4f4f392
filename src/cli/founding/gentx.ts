/**
 * A gentx: who will validate from the first block on says so in a signed MsgCreateValidator, in the Cosmos SDK's file form.
 * It is signed like a transaction of account number 0 and sequence 0 without a fee. The memo tells what a genesis needs
 * besides: `NODEID@HOST:PORT vrf=HEX`, the peer and the public key of its VRF.
 */
import { createHash } from 'node:crypto';

import type { DescMessage } from '@bufbuild/protobuf';

import { isPubkey, verifySignature } from '../../chain/app/signature.js';
import { createModules } from '../../chain/app/modules.js';
import type { MessageHandler } from '../../chain/module.js';
import { aminoSignBytes } from '../../protocol/amino.js';
import { addressFromPubkey, PUBKEY_BYTES } from '../../protocol/address.js';
import { fromHex, toHex } from '../../protocol/bytes.js';
import { coin, positiveCoin } from '../../protocol/coins.js';
import { InvalidInputError, R3mesError } from '../../protocol/errors.js';
import { PubKey as ConsensusKey } from '../../protocol/gen/cosmos/crypto/ed25519/keys.js';
import { PubKey } from '../../protocol/gen/cosmos/crypto/secp256k1/keys.js';
import type { CommissionRates, Description } from '../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { MsgCreateValidator } from '../../protocol/gen/cosmos/staking/v1beta1/tx.js';
import { SignMode } from '../../protocol/gen/cosmos/tx/signing/v1beta1/signing.js';
import { AuthInfo, Tx, TxBody } from '../../protocol/gen/cosmos/tx/v1beta1/tx.js';
import { type DecodedTx, decodeTx, directSignBytes } from '../../protocol/tx.js';
import { SECP256K1_TYPE_URL } from '../../protocol/pubkeys.js';
import { accountOfOperator, operatorOfAccount } from '../../protocol/validator-address.js';
import type { ChainSigner } from '../../client/index.js';
import { schema } from '../../gateway/descriptors.js';
import { jsonToMessage, messageBytes } from '../../gateway/json/read.js';
import { bytesToJson } from '../../gateway/json/write.js';

export const CREATE_VALIDATOR = '/cosmos.staking.v1beta1.MsgCreateValidator';
const ED25519_TYPE_URL = '/cosmos.crypto.ed25519.PubKey';
/** Nobody pays for it, and nothing meters it. */
const GAS_LIMIT = 200_000n;
const MEMO = /^([0-9a-f]{40}@[^\s@,]{1,120}:[0-9]{1,5}) vrf=([0-9a-f]{64})$/;

export interface Candidate {
  readonly description: Description;
  readonly commission: CommissionRates;
  /** Uremes. */
  readonly minSelfDelegation: bigint;
  /** Uremes, delegated by the operator to its own validator. */
  readonly stake: bigint;
  /** ed25519, 32 bytes. */
  readonly consensusKey: Uint8Array;
  /** 32 bytes. */
  readonly vrfPublicKey: Uint8Array;
  /** `NODEID@HOST:PORT` */
  readonly peer: string;
}

/** A gentx whose form, rules and signature are right. */
export interface Gentx extends Candidate {
  readonly operator: string;
  readonly account: string;
}

function txDesc(): DescMessage {
  const desc = schema().registry.getMessage('cosmos.tx.v1beta1.Tx');
  if (desc === undefined) throw new Error('the descriptors lack cosmos.tx.v1beta1.Tx');
  return desc;
}

/** The file's text. @throws InvalidInputError, ChainError where the chain would refuse the message. */
export async function signGentx(signer: ChainSigner, chainId: string, candidate: Candidate): Promise<string> {
  const message = MsgCreateValidator.fromPartial({
    description: candidate.description,
    commission: candidate.commission,
    minSelfDelegation: candidate.minSelfDelegation.toString(),
    validatorAddress: operatorOfAccount(signer.address),
    pubkey: { typeUrl: ED25519_TYPE_URL, value: ConsensusKey.encode({ key: candidate.consensusKey }).finish() },
    value: coin(candidate.stake),
  });
  const value = MsgCreateValidator.encode(message).finish();
  createValidatorHandler().checkStateless(value);
  const memo = `${candidate.peer} vrf=${toHex(candidate.vrfPublicKey)}`;
  if (!MEMO.test(memo)) throw new InvalidInputError(`expected a peer as HOST:PORT, got ${JSON.stringify(candidate.peer.slice(41, 141))}`);
  const [account] = await signer.direct.getAccounts();
  if (account === undefined) throw new Error('the signer has no account');
  const bodyBytes = TxBody.encode(TxBody.fromPartial({ messages: [{ typeUrl: CREATE_VALIDATOR, value }], memo })).finish();
  const authInfo = AuthInfo.fromPartial({
    signerInfos: [{ publicKey: { typeUrl: SECP256K1_TYPE_URL, value: PubKey.encode({ key: account.pubkey }).finish() }, modeInfo: { sum: { $case: 'single', value: { mode: SignMode.DIRECT } } }, sequence: 0n }],
    fee: { amount: [], gasLimit: GAS_LIMIT, payer: '', granter: '' },
  });
  const authInfoBytes = AuthInfo.encode(authInfo).finish();
  const { signature } = await signer.direct.signDirect(signer.address, { bodyBytes, authInfoBytes, chainId, accountNumber: 0n });
  const bytes = Tx.encode({ body: TxBody.decode(bodyBytes), authInfo: AuthInfo.decode(authInfoBytes), signatures: [new Uint8Array(Buffer.from(signature.signature, 'base64'))] }).finish();
  const text = `${JSON.stringify(bytesToJson(txDesc(), bytes), undefined, 2)}\n`;
  readGentx(text, chainId); // whoever collects it reads it the same way
  return text;
}

let handler: MessageHandler | undefined;

/** The chain's own rules for the message. */
function createValidatorHandler(): MessageHandler {
  handler ??= createModules().modules.flatMap(({ messages }) => messages).find(({ typeUrl }) => typeUrl === CREATE_VALIDATOR);
  if (handler === undefined) throw new Error(`no module handles ${CREATE_VALIDATOR}`);
  return handler;
}

function wrong(field: string, why: string): InvalidInputError {
  return new InvalidInputError(`${field}: ${why}`, 'its validator makes it anew with: r3mes node genesis add-validator');
}

/** Reads and checks the text of a gentx. @throws InvalidInputError naming the wrong field. */
export function readGentx(text: string, chainId: string): Gentx {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrong('the file', 'it is not JSON');
  }
  const tx = decodeJson(json);
  const { body, authInfo } = tx;
  const [any, ...others] = body.messages;
  if (any === undefined || others.length > 0 || any.typeUrl !== CREATE_VALIDATOR) {
    throw wrong('body.messages', `expected one ${CREATE_VALIDATOR}, got ${body.messages.map(({ typeUrl }) => typeUrl.slice(0, 80)).join(', ') || 'none'}`);
  }
  const message = MsgCreateValidator.decode(any.value);
  naming('body.messages[0]', () => createValidatorHandler().checkStateless(any.value));
  const [, peer, vrf] = MEMO.exec(body.memo) ?? [];
  if (peer === undefined || vrf === undefined) throw wrong('body.memo', `expected NODEID@HOST:PORT vrf=HEX, got ${JSON.stringify(body.memo.slice(0, 200))}`);
  if ((authInfo.fee?.amount ?? []).length > 0) throw wrong('auth_info.fee', 'expected no fee');
  const account = accountOfOperator(message.validatorAddress);
  checkSignature(tx, account, chainId);
  const { description, commission, pubkey } = message;
  if (description === undefined || commission === undefined || pubkey === undefined) throw wrong('body.messages[0]', 'expected description, commission and pubkey');
  return {
    operator: message.validatorAddress,
    account,
    description,
    commission,
    minSelfDelegation: BigInt(message.minSelfDelegation),
    stake: positiveCoin(message.value, 'value'),
    consensusKey: ConsensusKey.decode(pubkey.value).key,
    vrfPublicKey: fromHex(vrf),
    peer,
  };
}

function naming<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof R3mesError ? wrong(path, error.message) : error;
  }
}

function decodeJson(json: unknown): DecodedTx {
  let bytes: Uint8Array;
  try {
    bytes = messageBytes(jsonToMessage(txDesc(), json));
  } catch (error) {
    throw wrong('the file', error instanceof Error ? error.message : String(error));
  }
  return naming('the file', () => decodeTx(bytes));
}

/** One key, which is the operator's own; both sign modes count, so that a hardware wallet may sign. */
function checkSignature(tx: DecodedTx, account: string, chainId: string): void {
  const [info, ...otherInfos] = tx.authInfo.signerInfos;
  const [signature, ...otherSignatures] = tx.raw.signatures;
  if (info?.publicKey === undefined || signature === undefined || otherInfos.length > 0 || otherSignatures.length > 0) {
    throw wrong('auth_info.signer_infos', 'expected one signer with its public key, and one signature');
  }
  if (info.publicKey.typeUrl !== SECP256K1_TYPE_URL) throw wrong('auth_info.signer_infos[0].public_key', `expected ${SECP256K1_TYPE_URL}, got ${info.publicKey.typeUrl.slice(0, 80)}`);
  const { key } = PubKey.decode(info.publicKey.value);
  if (key.length !== PUBKEY_BYTES || !isPubkey(key)) throw wrong('auth_info.signer_infos[0].public_key', `expected a compressed point of ${PUBKEY_BYTES} bytes`);
  const owner = addressFromPubkey(key);
  if (owner !== account) throw wrong('auth_info.signer_infos[0].public_key', `expected the key of ${account}, which runs the validator, got that of ${owner}`);
  const mode = info.modeInfo?.sum?.$case === 'single' ? info.modeInfo.sum.value.mode : SignMode.UNSPECIFIED;
  if (mode !== SignMode.DIRECT && mode !== SignMode.LEGACY_AMINO_JSON) throw wrong('auth_info.signer_infos[0].mode_info', 'expected SIGN_MODE_DIRECT or SIGN_MODE_LEGACY_AMINO_JSON of one key');
  if (info.sequence !== 0n) throw wrong('auth_info.signer_infos[0].sequence', `expected 0, got ${info.sequence}`);
  const signed = mode === SignMode.DIRECT ? directSignBytes(tx.raw, chainId, 0n) : aminoSignBytes(tx, { chainId, accountNumber: 0n, sequence: 0n });
  if (!verifySignature(key, createHash('sha256').update(signed).digest(), signature)) {
    throw wrong('signatures[0]', `it is not ${account}'s signature of this file for chain ${chainId}, account number 0, sequence 0`);
  }
}
