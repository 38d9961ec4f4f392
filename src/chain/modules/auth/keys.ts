import { concatBytes, u64be } from '../../../protocol/bytes.js';

export const AUTH_STORE = 'auth';

const PREFIX = {
  /** address(20) -> account number u64be | sequence u64be | public key (compressed, 33 bytes; or a multisig's LegacyAminoPubKey; or none yet) */
  account: 0x01,
  /** account number u64be -> address(20) */
  byNumber: 0x02,
  /** -> number of accounts u64be, which is also the next account number */
  count: 0x03,
  /** -> remes.v1.AuthParams */
  params: 0x04,
} as const;

export const accountKey = (address: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(PREFIX.account), address);
export const byNumberKey = (accountNumber: bigint): Uint8Array =>
  concatBytes(Uint8Array.of(PREFIX.byNumber), u64be(accountNumber));
export const COUNT_KEY = Uint8Array.of(PREFIX.count);
export const PARAMS_KEY = Uint8Array.of(PREFIX.params);
