/** Who signed: public keys, sequences and signatures of one key or of several (multisig), in both sign modes. */
import { PUBKEY_BYTES } from '../../protocol/address.js';
import { aminoSignBytes } from '../../protocol/amino.js';
import { equalBytes } from '../../protocol/bytes.js';
import { R3mesError } from '../../protocol/errors.js';
import { MultiSignature } from '../../protocol/gen/cosmos/crypto/multisig/v1beta1/multisig.js';
import { PubKey } from '../../protocol/gen/cosmos/crypto/secp256k1/keys.js';
import { SignMode } from '../../protocol/gen/cosmos/tx/signing/v1beta1/signing.js';
import type { ModeInfo, ModeInfo_Multi as MultiMode, SignerInfo } from '../../protocol/gen/cosmos/tx/v1beta1/tx.js';
import type { AuthParams } from '../../protocol/gen/remes/remes/v1/params.js';
import { MULTISIG_TYPE_URL, SECP256K1_TYPE_URL, addressOfKey, isMultisig, parseMultisig } from '../../protocol/pubkeys.js';
import { type DecodedTx, directSignBytes } from '../../protocol/tx.js';
import type { Account, AccountKeeper } from '../modules/auth/index.js';
import { sdkError } from '../modules/sdk-errors.js';
import type { ExecutionContext } from './context.js';
import type { Mode } from './ante.js';
import { type SignatureVerifier, isPubkey } from './signature.js';

export interface SignerDeps {
  readonly accounts: AccountKeeper;
  readonly verifier: SignatureVerifier;
}

export interface SignerPart {
  readonly signer: string;
  readonly info: SignerInfo;
  readonly signature: Uint8Array;
  readonly index: number;
}

/** One key's signature; a multisig has several. */
interface Signature {
  readonly pubkey: Uint8Array;
  readonly mode: SignMode;
  readonly signature: Uint8Array;
}

const SIMULATED_PUBKEY = new Uint8Array(PUBKEY_BYTES).fill(2);

/** Checks a signer, and notes its key and its next sequence. @throws ChainError */
export function checkSigner(ctx: ExecutionContext, deps: SignerDeps, tx: DecodedTx, part: SignerPart, params: AuthParams, mode: Mode): void {
  const { signer, info } = part;
  const account = deps.accounts.mustGet(ctx, signer);
  const pubkey = signerPubkey(account, part, mode);
  const signatures = mode === 'simulate' ? [] : signaturesOf(pubkey, part);
  if (mode !== 'simulate' && info.sequence !== account.sequence) {
    throw sdkError(
      'WRONG_SEQUENCE',
      `account sequence mismatch, expected ${account.sequence}, got ${info.sequence}: incorrect account sequence`,
      'ask for the sequence again and sign anew',
    );
  }
  const count = mode === 'simulate' ? (isMultisig(pubkey) ? parseMultisig(pubkey).threshold : 1) : signatures.length;
  ctx.useGas(params.sigVerifyCostSecp256k1 * BigInt(count), count === 1 ? 'verification of a secp256k1 signature' : 'verification of secp256k1 signatures');
  if (mode === 'deliver' || mode === 'check') verifyAll(ctx, deps.verifier, tx, account, signatures, mode);
  deps.accounts.set(ctx, { ...account, pubkey, sequence: account.sequence + 1n });
  ctx.emit({ type: 'tx', attributes: { acc_seq: `${signer}/${account.sequence}` } });
}

function verifyAll(ctx: ExecutionContext, verifier: SignatureVerifier, tx: DecodedTx, account: Account, signatures: readonly Signature[], mode: Mode): void {
  const { chainId } = ctx.block;
  const { accountNumber, sequence } = account;
  const signBytes = new Map<SignMode, Uint8Array>();
  for (const one of signatures) {
    let bytes = signBytes.get(one.mode);
    if (bytes === undefined) {
      bytes = one.mode === SignMode.DIRECT ? directSignBytes(tx.raw, chainId, accountNumber) : aminoSignBytes(tx, { chainId, accountNumber, sequence });
      signBytes.set(one.mode, bytes);
    }
    const valid =
      mode === 'check' ? verifier.verifyAndRemember(one.pubkey, bytes, one.signature) : verifier.verify(one.pubkey, bytes, one.signature);
    if (!valid) {
      throw sdkError(
        'UNAUTHORIZED',
        `signature verification failed; please verify account number (${accountNumber}), sequence (${sequence}) and chain-id (${chainId})`,
        'the signature must be 64 bytes, r then s, with s in its lower form',
      );
    }
  }
}

/** The key of a signer: the one in the transaction, which must be the account's, or else the one it signed with before. */
function signerPubkey(account: Account, { signer, info, index }: SignerPart, mode: Mode): Uint8Array {
  if (info.publicKey === undefined || (mode === 'simulate' && info.publicKey.value.length === 0)) {
    if (account.pubkey !== undefined) return account.pubkey;
    if (mode === 'simulate') return SIMULATED_PUBKEY;
    throw sdkError('INVALID_PUBKEY', `signer ${index} (${signer}) has not signed before: its public key must come with the transaction`);
  }
  const { typeUrl, value } = info.publicKey;
  const key = typeUrl === MULTISIG_TYPE_URL ? value : singleKey(typeUrl, value, index);
  if (account.pubkey !== undefined && equalBytes(account.pubkey, key)) return account.pubkey;
  if (mode === 'simulate' && key.length === 0) return SIMULATED_PUBKEY;
  let owner: string;
  try {
    if (typeUrl === MULTISIG_TYPE_URL) {
      if (!parseMultisig(key).keys.every((one) => isPubkey(one))) throw sdkError('INVALID_PUBKEY', `a key of signer ${index} is no point of the curve`);
    } else if (!isPubkey(key)) {
      throw sdkError('INVALID_PUBKEY', `expected a compressed point of ${PUBKEY_BYTES} bytes as public key of signer ${index}, got ${key.length} bytes`);
    }
    owner = addressOfKey(key);
  } catch (error) {
    if (!(error instanceof R3mesError)) throw error;
    throw sdkError('INVALID_PUBKEY', error.message);
  }
  if (owner !== signer) throw sdkError('INVALID_PUBKEY', `public key of ${owner} does not match signer ${index}, which must be ${signer}`);
  return key;
}

function singleKey(typeUrl: string, value: Uint8Array, index: number): Uint8Array {
  if (typeUrl !== SECP256K1_TYPE_URL) {
    throw sdkError('INVALID_PUBKEY', `expected a public key of type ${SECP256K1_TYPE_URL} or ${MULTISIG_TYPE_URL}, got ${typeUrl.slice(0, 80)}`);
  }
  try {
    return PubKey.decode(value).key;
  } catch (error) {
    throw sdkError('INVALID_PUBKEY', `public key of signer ${index} cannot be decoded: ${String(error)}`);
  }
}

/** What must be valid. A multisig says by bits which of its keys signed; their number is at least the threshold. */
function signaturesOf(pubkey: Uint8Array, { info, signature, index }: SignerPart): readonly Signature[] {
  const { modeInfo } = info;
  const isMulti = modeInfo?.sum?.$case === 'multi';
  if (isMulti !== isMultisig(pubkey)) {
    throw sdkError('UNAUTHORIZED', `signer ${index}: expected the mode of ${isMultisig(pubkey) ? 'a multisig' : 'one key'}, got the other`);
  }
  if (modeInfo?.sum?.$case !== 'multi') return [{ pubkey, mode: requireMode(modeInfo), signature }];
  const { threshold, keys } = parseMultisig(pubkey);
  const signed = keys.filter((_, i) => hasBit(modeInfo.sum?.value as MultiMode, keys.length, i));
  const { modeInfos } = modeInfo.sum.value;
  let signatures: readonly Uint8Array[];
  try {
    const decoded = MultiSignature.decode(signature);
    if (!equalBytes(MultiSignature.encode(decoded).finish(), signature)) throw new Error('not in canonical encoding');
    ({ signatures } = decoded);
  } catch (error) {
    throw sdkError('UNAUTHORIZED', `signature ${index} is no MultiSignature: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (signed.length < threshold) {
    throw sdkError('UNAUTHORIZED', `signer ${index}: expected signatures of at least ${threshold} of ${keys.length} keys, got ${signed.length}`);
  }
  if (signatures.length !== signed.length || modeInfos.length !== signed.length) {
    throw sdkError('UNAUTHORIZED', `signer ${index}: ${signed.length} bits are set; expected as many signatures and modes, got ${signatures.length} and ${modeInfos.length}`);
  }
  return signed.map((key, i) => ({ pubkey: key, mode: requireMode(modeInfos[i]), signature: signatures[i] ?? new Uint8Array() }));
}

/** Bit `index` of `size`, the highest bit of a byte first; the array must be of exactly this size. @throws ChainError */
function hasBit({ bitarray }: MultiMode, size: number, index: number): boolean {
  const { elems, extraBitsStored } = bitarray ?? { elems: new Uint8Array(), extraBitsStored: 0 };
  const bits = extraBitsStored === 0 ? elems.length * 8 : (elems.length - 1) * 8 + extraBitsStored;
  if (extraBitsStored > 7 || bits !== size) throw sdkError('UNAUTHORIZED', `expected a bit array of ${size} bits for a multisig of ${size} keys, got ${bits}`);
  return (((elems[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1;
}

function requireMode(modeInfo: ModeInfo | undefined): SignMode {
  const mode = modeInfo?.sum?.$case === 'single' ? modeInfo.sum.value.mode : SignMode.UNSPECIFIED;
  if (mode !== SignMode.DIRECT && mode !== SignMode.LEGACY_AMINO_JSON) {
    throw sdkError(
      'NOT_SUPPORTED',
      `expected SIGN_MODE_DIRECT or SIGN_MODE_LEGACY_AMINO_JSON, got ${SIGN_MODE_NAMES.get(mode) ?? `sign mode ${mode}`}`,
      'sign the protobuf bytes of the SignDoc, or its Amino JSON',
    );
  }
  return mode;
}

const SIGN_MODE_NAMES: ReadonlyMap<number, string> = new Map([
  [SignMode.UNSPECIFIED, 'SIGN_MODE_UNSPECIFIED'],
  [SignMode.TEXTUAL, 'SIGN_MODE_TEXTUAL'],
  [SignMode.DIRECT_AUX, 'SIGN_MODE_DIRECT_AUX'],
]);
