/** An order of transactions that does not depend on when they arrived. */
import { addressFromPubkey } from '../../protocol/address.js';
import { compareBytes } from '../../protocol/bytes.js';
import { PubKey } from '../../protocol/gen/cosmos/crypto/secp256k1/keys.js';
import { decodeTx } from '../../protocol/tx.js';
import type { MempoolTx } from './mempool.js';
import type { ExpectedRole } from './sealing.js';

interface Place {
  /** Number of the role's account; strangers come after all roles. */
  readonly account: number;
  /** For strangers, whose accounts have no number. */
  readonly sender: string;
  readonly sequence: bigint;
}

/** First signer and its sequence, as the transaction names them; nothing where it does not say. */
function senderOf(tx: Uint8Array): { sender: string; sequence: bigint } | undefined {
  try {
    const [signer] = decodeTx(tx).authInfo.signerInfos;
    if (signer?.publicKey === undefined) return undefined;
    return { sender: addressFromPubkey(PubKey.decode(signer.publicKey.value).key), sequence: signer.sequence };
  } catch {
    return undefined; // hostile bytes: whatever the decoders say of them, they name no sender
  }
}

/** Sorts by (role, sequence); strangers follow by (address, sequence), what names no sender comes last, by hash. */
export function orderByRole(entries: readonly MempoolTx[], roles: readonly ExpectedRole[]): MempoolTx[] {
  const accounts = new Map<string, number>();
  for (const { addresses } of roles) for (const address of addresses) if (!accounts.has(address)) accounts.set(address, accounts.size);
  const placed = entries.map((entry) => {
    const named = senderOf(entry.tx);
    const account = named === undefined ? accounts.size + 1 : (accounts.get(named.sender) ?? accounts.size);
    const place: Place = { account, sender: named?.sender ?? '', sequence: named?.sequence ?? 0n };
    return { entry, place };
  });
  placed.sort((a, b) => {
    if (a.place.account !== b.place.account) return a.place.account - b.place.account;
    if (a.place.sender !== b.place.sender) return a.place.sender < b.place.sender ? -1 : 1;
    if (a.place.sequence !== b.place.sequence) return a.place.sequence < b.place.sequence ? -1 : 1;
    return compareBytes(a.entry.hash, b.entry.hash);
  });
  return placed.map(({ entry }) => entry);
}
