import { randomBytes } from 'node:crypto';

import secp256k1 from 'secp256k1';
import { z } from 'zod';

import { addressFromPubkey } from '../../protocol/address.js';
import { fromHex, toHex } from '../../protocol/bytes.js';
import { taggedHash } from '../../protocol/hash.js';
import type { DevnetSettings } from './settings.js';

export type DevnetPart = 'miner' | 'cheater' | 'proposer' | 'verifier';

export interface DevnetAccount {
  /** E.g. `miner-1`. */
  readonly name: string;
  readonly part: DevnetPart;
  readonly privateKey: Uint8Array;
  readonly address: string;
}

/** All secrets of a devnet. They are worth nothing elsewhere, and still lie in a file of mode 0600. */
export interface DevnetKeys {
  readonly accounts: readonly DevnetAccount[];
  readonly treasury: DevnetAccount;
  readonly validatorSeed: Uint8Array;
  readonly vrfSecret: Uint8Array;
}

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const accountSchema = z.strictObject({ name: z.string(), part: z.enum(['miner', 'cheater', 'proposer', 'verifier']), privateKey: hex32 });
const fileSchema = z.strictObject({ accounts: z.array(accountSchema), treasury: accountSchema, validatorSeed: hex32, vrfSecret: hex32 });

function account(name: string, part: DevnetPart, privateKey: Uint8Array): DevnetAccount {
  return { name, part, privateKey, address: addressFromPubkey(secp256k1.publicKeyCreate(privateKey, true)) };
}

/** Secrets from the seed, or from the machine's randomness. */
export function makeKeys(settings: DevnetSettings): DevnetKeys {
  const { seed } = settings;
  const secret = (name: string): Uint8Array => (seed === undefined ? new Uint8Array(randomBytes(32)) : taggedHash('devnet-key', seed, name));
  const several = (part: DevnetPart, count: number): DevnetAccount[] =>
    Array.from({ length: count }, (_, i) => account(`${part}-${i + 1}`, part, secret(`${part}-${i + 1}`)));
  return {
    accounts: [
      ...several('miner', settings.miners),
      ...several('cheater', settings.cheaters),
      ...several('proposer', settings.proposers),
      ...several('verifier', settings.verifiers),
    ],
    treasury: account('treasury', 'miner', secret('treasury')),
    validatorSeed: secret('validator'),
    vrfSecret: secret('vrf'),
  };
}

export function keysToJson(keys: DevnetKeys): string {
  const plain = ({ name, part, privateKey }: DevnetAccount) => ({ name, part, privateKey: toHex(privateKey) });
  const file = {
    accounts: keys.accounts.map(plain),
    treasury: plain(keys.treasury),
    validatorSeed: toHex(keys.validatorSeed),
    vrfSecret: toHex(keys.vrfSecret),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

export function keysFromJson(text: string): DevnetKeys {
  const file = fileSchema.parse(JSON.parse(text));
  const full = (a: z.infer<typeof accountSchema>): DevnetAccount => account(a.name, a.part, fromHex(a.privateKey));
  return {
    accounts: file.accounts.map(full),
    treasury: full(file.treasury),
    validatorSeed: fromHex(file.validatorSeed),
    vrfSecret: fromHex(file.vrfSecret),
  };
}

/** Processes of a devnet in the order of their transactions: every miner one, the proposers one, the verifiers one. */
export interface DevnetRole {
  readonly role: string;
  readonly accounts: readonly DevnetAccount[];
}

/** The role of the process that watches the chain; it sends nothing. */
export const OBSERVER = 'observer';

export function devnetRoles(keys: DevnetKeys): DevnetRole[] {
  const of = (part: DevnetPart): DevnetAccount[] => keys.accounts.filter((a) => a.part === part);
  return [
    ...[...of('miner'), ...of('cheater')].map((a) => ({ role: a.name, accounts: [a] })),
    { role: 'proposers', accounts: of('proposer') },
    { role: 'verifiers', accounts: of('verifier') },
  ];
}
